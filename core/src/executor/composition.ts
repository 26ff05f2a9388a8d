import "reflect-metadata";
import {
  type DependencyContainer,
  type InjectionToken,
  instancePerContainerCachingFactory,
  container as root,
} from "tsyringe";
import { checkOptionNames, type OptionNames } from "../base/check-options.ts";
import { type Clock, systemClock } from "../base/clock.ts";
import { type Ids, randomIds } from "../base/ids.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { Engine } from "../contracts/engine.ts";
import { EventLog } from "../events/event-log.ts";
import { logPrinter } from "../printing/log-printer.ts";
import { nodesOf } from "../scheduler/future.ts";
import { Scheduler } from "../scheduler/scheduler.ts";
import { CodeShipper } from "./code-shipper.ts";
import type { RunFacts } from "./executor.ts";
import { RunningExecutor } from "./running-executor.ts";

/** A name for a part, with its type: two copies of this package agree on it. */
function token<T>(name: string): InjectionToken<T> {
  return Symbol.for(`muster.${name}`);
}

const RUN = token<RunFacts>("Run");
const CLOCK = token<Clock>("Clock");
const IDS = token<Ids>("Ids");
const EVENTS = token<EventLog>("EventLog");
const ENGINE = token<Engine>("Engine");
const CLUSTER = token<{ readonly cluster: Cluster | undefined }>("Cluster");
const SCHEDULER = token<Scheduler>("Scheduler");
const SHIPPER = token<{ readonly shipper: CodeShipper | undefined }>("CodeShipper");
const EXECUTOR = token<RunningExecutor>("RunningExecutor");

const RUN_FACTS: OptionNames<RunFacts> = {
  runId: true,
  flowName: true,
  image: true,
  parameters: true,
  logLevel: true,
  events: true,
  log: true,
  signal: true,
  failFast: true,
  flowSite: true,
  unit: true,
};

/** What differs from one executor to another. */
export interface Blueprint {
  readonly run: RunFacts;
  readonly cluster?: Cluster;
  readonly cancelGraceMs: number;
  readonly engine: (parts: Foundation) => Engine;
}

/** What every part may use. */
export interface Foundation {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly events: EventLog;
}

/** The parts of one run, wired but not started. */
export interface Composition extends Foundation {
  readonly engine: Engine;
  readonly scheduler: Scheduler;
  readonly executor: RunningExecutor;
}

/**
 * The composition root: all parts of one run of an executor, made here and nowhere else, in a container of their own,
 * so that two runs in one process share nothing.
 */
export function compose(blueprint: Blueprint): Composition {
  checkOptionNames(blueprint.run, RUN_FACTS, { where: "start()" });
  const container = root.createChildContainer();
  const once = <T>(name: InjectionToken<T>, make: (from: DependencyContainer) => T): void =>
    void container.register(name, { useFactory: instancePerContainerCachingFactory(make) });

  container.registerInstance(RUN, blueprint.run);
  container.registerInstance(CLOCK, systemClock);
  container.registerInstance(IDS, randomIds);
  container.registerInstance(CLUSTER, { cluster: blueprint.cluster });
  once(EVENTS, (from) => eventsOf(from.resolve(RUN)));
  once(ENGINE, (from) => blueprint.engine(foundation(from)));
  once(SHIPPER, (from) => {
    const run = from.resolve(RUN);
    return { shipper: from.resolve(ENGINE).needsCode ? new CodeShipper(run) : undefined };
  });
  once(SCHEDULER, (from) => {
    const scheduler: Scheduler = new Scheduler({
      engine: from.resolve(ENGINE),
      clock: from.resolve(CLOCK),
      events: from.resolve(EVENTS),
      cancelGraceMs: blueprint.cancelGraceMs,
      lookup: nodesOf,
      runName: runName(from.resolve(RUN)),
      onReady: () => from.resolve(CLUSTER).cluster?.demandChanged(),
      onFailure: (failed) => {
        if (!from.resolve(RUN).failFast) return;
        const { error, fn } = failed;
        const reason = `task "${fn.name}" failed, and the flow fails fast`;
        scheduler.cancelAll(reason, undefined, { name: fn.name, error });
      },
    });
    return scheduler;
  });
  once(
    EXECUTOR,
    (from) =>
      new RunningExecutor({
        scheduler: from.resolve(SCHEDULER),
        engine: from.resolve(ENGINE),
        events: from.resolve(EVENTS),
        shipper: from.resolve(SHIPPER).shipper,
        cluster: from.resolve(CLUSTER).cluster,
      }),
  );
  return {
    ...foundation(container),
    engine: container.resolve(ENGINE),
    scheduler: container.resolve(SCHEDULER),
    executor: container.resolve(EXECUTOR),
  };
}

function runName({ runId, flowName }: RunFacts): string {
  return flowName === undefined ? "its executor's run" : `the run ${runId} of the flow "${flowName}"`;
}

/** Where nobody hears what is said, it is printed. */
export function eventsOf({ events, log = true, logLevel = "info" }: RunFacts): EventLog {
  if (events !== undefined) return events;
  const own = new EventLog();
  if (log) own.subscribe(logPrinter(logLevel));
  return own;
}

function foundation(from: DependencyContainer): Foundation {
  return { clock: from.resolve(CLOCK), ids: from.resolve(IDS), events: from.resolve(EVENTS) };
}
