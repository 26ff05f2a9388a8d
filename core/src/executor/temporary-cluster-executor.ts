import { type InspectOptions, inspect } from "node:util";
import { checkBoolean, checkOptionNames, type OptionNames } from "../base/check-options.ts";
import { systemClock } from "../base/clock.ts";
import { copyOptions } from "../base/copy-options.ts";
import { InvalidOptionError } from "../base/errors.ts";
import { randomIds } from "../base/ids.ts";
import { currentDirectory } from "../base/places.ts";
import { withDeadline } from "../base/wait.ts";
import type { AdaptOptions } from "../cluster/adapt-options.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { resolveClusterClass } from "../cluster/cluster-class.ts";
import type { ClusterClass, KwargsOf } from "../cluster/cluster-registry.ts";
import { projectDirectory } from "../code/project-directory.ts";
import type { LogLevel } from "../contracts/event.ts";
import type { RunInfo } from "../contracts/provider.ts";
import { HubEngine } from "../engine/hub/hub-engine.ts";
import type { NatsEngine } from "../engine/nats/nats-engine.ts";
import type { EventLog } from "../events/event-log.ts";
import type { RunMessage } from "../wire/protocol.ts";
import {
  type ClientOptions,
  checkClientOptions,
  type PoolClientOptions,
  resolveClientOptions,
  resolvePoolOptions,
  withoutSecrets,
} from "./client-options.ts";
import { logClusterLife, tellOfLanes } from "./cluster-life.ts";
import { compose, eventsOf } from "./composition.ts";
import type { Executor, RunFacts } from "./executor.ts";
import { runMessage } from "./run-scope.ts";
import type { RunningExecutor } from "./running-executor.ts";

export interface TemporaryClusterOptions<Class extends ClusterClass = ClusterClass> {
  /**
   * What the workers are: `"module#Export"`, a class that extends `Cluster`, or a function that makes one, called at
   * run time. `"providers/<name>"` is short for the package `@muster/<name>`.
   * @default "providers/local#LocalCluster"
   */
  clusterClass?: Class;
  /** What the cluster class is made with. */
  clusterKwargs?: KwargsOf<Class>;
  /** Scales the workers with the backlog. Without it there are as many as the cluster class says. */
  adaptKwargs?: AdaptOptions;
  /**
   * Where a pool of workers is that somebody else keeps, instead of a cluster: `nats://`, `tls://`, `ws://` or `wss://`, a
   * host and a port; several of one NATS cluster with commas between.
   */
  address?: string;
  /** How the driver and its workers speak to each other, and, with `address`, how to get in there and which pool. */
  clientKwargs?: PoolClientOptions;
  /** Logs everything, here and on the workers, and what becomes of the cluster. @default false */
  debug?: boolean;
}

const NAMES: OptionNames<TemporaryClusterOptions> = {
  clusterClass: true,
  clusterKwargs: true,
  adaptKwargs: true,
  address: true,
  clientKwargs: true,
  debug: true,
};
const DEFAULT_CLUSTER_CLASS = "providers/local#LocalCluster";

function isBuiltIn(clusterClass: ClusterClass): boolean {
  return typeof clusterClass === "string" && clusterClass.startsWith("providers/");
}

/** @throws InvalidOptionError for a cluster that will never have any */
function requireWorkers(cluster: Cluster): void {
  if (cluster.possible.maxWorkers > 0) return;
  throw new InvalidOptionError(
    "clusterKwargs.workers",
    `clusterKwargs.workers is 0, and nobody in a flow can scale the cluster "${cluster.name}": no task would ever run. Ask for at least one, or give the executor adaptKwargs.`,
  );
}

/** Runs tasks on a cluster that is made for the run of a flow and gone after it. */
export class TemporaryClusterExecutor<const Class extends ClusterClass = typeof DEFAULT_CLUSTER_CLASS>
  implements Executor
{
  readonly name = "TemporaryClusterExecutor";

  get logLevel(): LogLevel | undefined {
    return this.options.debug === true ? "debug" : undefined;
  }
  /** A copy of what was given: what is done to that later has no effect. */
  readonly options: TemporaryClusterOptions<Class>;

  /** @throws InvalidOptionError for an option that does not exist */
  constructor(options: TemporaryClusterOptions<Class> = {}) {
    checkOptionNames(options, NAMES, { where: "TemporaryClusterExecutor" });
    checkBoolean(options.debug, false, "debug");
    this.options = copyOptions(options);
    checkClientOptions(options);
  }

  /** What shows it to people shows no secret. */
  [inspect.custom](_depth: number, how: InspectOptions): string {
    return `${this.name} ${inspect(withoutSecrets(this.options), how)}`;
  }

  toJSON(): object {
    return { name: this.name, options: withoutSecrets(this.options) };
  }

  /**
   * Makes the cluster and asks for its workers; tasks run as soon as the first one is ready.
   * @throws InvalidOptionError for a flow's cluster that has no workers and nobody who could ask for some
   * @throws ClusterClassError when `clusterClass` names no cluster class
   * @throws ClusterStartError when the provider cannot be used, or cannot open
   */
  async start(run: RunFacts = {}): Promise<RunningExecutor> {
    const { clusterClass = DEFAULT_CLUSTER_CLASS, adaptKwargs, address } = this.options;
    if (address !== undefined) return await this.#startOnPool(address, run);
    const cluster = await this.#makeCluster(run);
    try {
      if (adaptKwargs !== undefined) cluster.adapt(adaptKwargs);
      // Of these, nobody but the run has the cluster; what is somebody's own may be scaled by whoever made it.
      if (run.flowSite !== undefined && isBuiltIn(clusterClass)) requireWorkers(cluster);
      return await this.#startOn(cluster, run);
    } catch (error) {
      await cluster.close({ graceMs: 0 });
      throw error;
    }
  }

  /** The workers are there, or come: others see to that. */
  async #startOnPool(address: string, run: RunFacts): Promise<RunningExecutor> {
    const { clientKwargs = {}, debug = false } = this.options;
    const client = resolveClientOptions(clientKwargs, "nats");
    const facts = { ...run, logLevel: this.logLevel ?? run.logLevel ?? "info", events: eventsOf(run) };
    const { PoolEngine } = await import("../engine/nats/pool-engine.ts");
    const engine = new PoolEngine({
      ...resolvePoolOptions(address, clientKwargs),
      ...client,
      clock: systemClock,
      run: { ...runMessage(facts, randomIds), marksPrints: true },
      signal: run.signal,
    });
    const { events, scheduler, executor } = compose({
      run: facts,
      cancelGraceMs: client.cancelGraceMs,
      engine: () => engine,
    });
    tellOfLanes(engine, events);
    if (debug) logClusterLife(events);
    try {
      await engine.start(scheduler.listener);
    } catch (error) {
      await executor.close();
      throw error;
    }
    return executor;
  }

  async #makeCluster({ flowSite, signal }: RunFacts): Promise<Cluster> {
    const { clusterClass = DEFAULT_CLUSTER_CLASS, clusterKwargs = {} } = this.options;
    const from = flowSite === undefined ? currentDirectory() : projectDirectory(flowSite.file);
    const making = resolveClusterClass(clusterClass, { from }).then((make) =>
      make(copyOptions(clusterKwargs)),
    );
    try {
      return await withDeadline(making, "The making of the cluster", { signal });
    } catch (error) {
      // The user's factory, or a module of theirs, may still give one.
      making.then((late) => late.close({ graceMs: 0 })).catch(() => {});
      throw error;
    }
  }

  async #startOn(cluster: Cluster, run: RunFacts): Promise<RunningExecutor> {
    const { clientKwargs = {}, debug = false } = this.options;
    const client = resolveClientOptions(clientKwargs, cluster.bringsEngine ? "nats" : "nothing");
    const { deathTimeoutMs, cancelGraceMs } = client;
    const facts = { ...run, logLevel: this.logLevel ?? run.logLevel ?? "info", events: eventsOf(run) };
    const message: RunMessage = { ...runMessage(facts, randomIds), marksPrints: true };
    const info = {
      runId: message.flowRunId,
      flowName: run.flowName ?? "executor",
      image: run.image,
      signal: run.signal ?? new AbortController().signal,
    };
    const engine = await this.#makeEngine(cluster, { run: message, info, events: facts.events, client });
    const { clock, events, scheduler, executor } = compose({
      run: facts,
      cluster,
      cancelGraceMs,
      engine: () => engine,
    });
    if (debug) logClusterLife(events);
    try {
      await engine.start(scheduler.listener);
      await cluster.start({
        run: { ...info, engine: engine.endpoint },
        link: engine,
        events,
        demand: () => scheduler.demand(),
        waiting: () => scheduler.waiting(),
        isCancelled: () => scheduler.isCancelled,
        clock,
        deathTimeoutMs,
        cancelGraceMs,
        debug,
        engineEnd: () => engine.closing,
      });
    } catch (error) {
      await executor.close();
      throw error;
    }
    cluster.onFailure((error) => scheduler.failAll(error));
    // Where somebody closes it under its tasks, nothing that has not ended ever will.
    cluster.onClosed(() => scheduler.cancelAll("the cluster was closed", 0));
    return executor;
  }

  /** The driver itself is the engine, unless the cluster brings one. */
  async #makeEngine(
    cluster: Cluster,
    {
      run,
      info,
      events,
      client,
    }: {
      run: RunMessage;
      info: Omit<RunInfo, "engine">;
      events: EventLog;
      client: Required<ClientOptions>;
    },
  ): Promise<HubEngine | NatsEngine> {
    const { heartbeatMs, workerTimeoutMs } = client;
    const { resources: possibleResources, sharesResources } = cluster.possible;
    const options = {
      clock: systemClock,
      run,
      possibleResources,
      sharesResources,
      heartbeatMs,
      workerTimeoutMs,
    };
    if (!cluster.bringsEngine)
      return new HubEngine({ ...options, address: await cluster.locateHub(info.signal) });
    const endpoint = await cluster.openEngine({
      run: { ...info, engine: undefined },
      clock: systemClock,
      events,
    });
    const { natsEngineAt } = await import("../engine/nats/nats-engine.ts");
    return natsEngineAt(endpoint, { ...options, signal: info.signal });
  }
}
