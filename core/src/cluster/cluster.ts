import { checkNumber, checkOptionNames } from "../base/check-options.ts";
import { brand, InvalidOptionError, MusterError } from "../base/errors.ts";
import type { LogEvent } from "../contracts/event.ts";
import type { EngineEndpoint, HubAddress, WorkerId } from "../contracts/provider.ts";
import type { AdaptOptions } from "./adapt-options.ts";
import { Broadcast } from "./broadcast.ts";
import { type ClusterOptions, type ClusterSettings, resolveClusterOptions } from "./cluster-options.ts";
import type {
  CloseReport,
  ClusterCapacity,
  ClusterHappening,
  ClusterSession,
  Leftover,
  NoWorkersCause,
  WorkerFailure,
  WorkerStatus,
} from "./cluster-session.ts";
import { ClusterStartError, whyNoWorkers } from "./cluster-start-error.ts";
import { ProviderLifecycle } from "./provider-lifecycle.ts";
import { StarvationWatch } from "./starvation.ts";
import { Supervisor } from "./supervisor.ts";
import { Target } from "./target.ts";
import { checkWait, type WaitForWorkersOptions, Waiting } from "./waiting.ts";
import { workerSpec } from "./worker-spec.ts";

/** Milliseconds that a close gives running tasks, unless told otherwise. */
const CLOSE_GRACE_MS = 5_000;

/** What there is while a cluster serves a run. */
interface Running {
  readonly session: ClusterSession;
  readonly supervisor: Supervisor;
  readonly startedAt: number;
  readonly starvation: StarvationWatch;
  /** Whether all the workers that it began with have been ready. */
  complete: boolean;
}

/**
 * Workers for one run of a flow, as many as are wanted, wherever its provider makes them. A cluster class is made
 * by extending it with a provider:
 * ```ts
 * export class MyCluster extends Cluster {
 *   constructor(kwargs: { workers: number }) {
 *     super({ provider: new MyProvider(), workers: kwargs.workers });
 *   }
 * }
 * ```
 * The executor starts and closes it; in between, `scale` and `adapt` say how many workers there should be.
 */
export class Cluster implements AsyncDisposable {
  readonly name: string;
  readonly #settings: ClusterSettings;
  readonly #provider: ProviderLifecycle;
  readonly #target: Target;
  readonly #waiting = new Waiting();
  readonly #happenings = new Broadcast<ClusterHappening>();
  readonly #failureListeners = new Set<(error: ClusterStartError) => void>();
  readonly #closedListeners = new Set<() => void>();
  #running: Running | undefined;
  #failure: ClusterStartError | undefined;
  #closing: { readonly graceMs: number; readonly report: Promise<CloseReport> } | undefined;

  /** @throws InvalidOptionError */
  constructor(options: ClusterOptions) {
    this.#settings = resolveClusterOptions(options);
    this.name = this.#settings.name;
    this.#provider = new ProviderLifecycle(this.#settings);
    this.#target = new Target(this.#settings);
  }

  static {
    brand(Cluster, "Cluster");
  }

  /**
   * Where an engine that is embedded in the driver is to listen; undefined: on the loopback interface. For executors,
   * before `start`.
   * @throws ClusterStartError when the place where workers would run cannot be used
   */
  locateHub(signal?: AbortSignal): Promise<HubAddress | undefined> {
    return this.#provider.locateHub(signal);
  }

  /** Whether its provider makes the engine at which driver and workers meet. For executors. */
  get bringsEngine(): boolean {
    return this.#settings.provider.bringsEngine === true;
  }

  /**
   * Has the provider make the engine, where it brings one. For executors, before `start`.
   * @throws ClusterStartError when the provider cannot open; `close` is due all the same
   */
  async openEngine(session: Pick<ClusterSession, "run" | "clock" | "events">): Promise<EngineEndpoint> {
    const endpoint = await this.#provider.open(session);
    if (endpoint !== undefined) return endpoint;
    const provider = this.#settings.provider.name;
    const message = `The provider "${provider}" says that it brings an engine, and made none.`;
    throw new ClusterStartError(message, { cluster: this.name });
  }

  /** @throws MusterError `CLOSED` */
  #begin(): void {
    const isOpened = this.bringsEngine && this.#running === undefined;
    if ((!this.#provider.begun || isOpened) && this.#closing === undefined) return;
    throw new MusterError(
      "CLOSED",
      `The cluster "${this.name}" was started before. Make a new one for each run.`,
    );
  }

  /**
   * Opens the provider and asks for the first workers; does not wait for them. For executors.
   * @throws ClusterStartError when the provider cannot open; `close` is due all the same
   */
  async start(session: ClusterSession): Promise<void> {
    this.#begin();
    const { provider, policy, expectedBootMs } = this.#settings;
    const { clock, link } = session;
    const startedAt = clock.now();
    session.events.emit({ type: "cluster", at: clock.wallTime(), cluster: this.name, state: "starting" });
    let opened: EngineEndpoint | undefined;
    try {
      opened = await this.#provider.open(session);
    } catch (error) {
      if (this.#closing === undefined) throw error;
    }
    // It may have been closed while the provider opened.
    if (this.#closing !== undefined) return;
    const endpoint = this.bringsEngine ? link.endpoint : (opened ?? session.run.engine ?? link.endpoint);
    const blueprint = { settings: this.#settings, session, endpoint };
    const supervisor = new Supervisor({
      provider,
      link,
      clock,
      policy,
      expectedBootMs,
      spec: (id) => workerSpec(id, blueprint),
      emit: (event) => this.#emit(event),
      isCancelled: session.isCancelled,
      changed: () => this.#changed(),
      gaveUp: (why, last) => this.#gaveUp(why, last),
    });
    const starvation = new StarvationWatch({
      session,
      name: this.name,
      maximum: () => this.#target.maximum,
      emit: (event) => this.#emit(event),
    });
    this.#running = { session, supervisor, startedAt, starvation, complete: false };
    supervisor.begin();
    supervisor.want(this.#target.workers);
    this.#changed();
    this.#target.begin({ session, supervisor, emit: (event) => this.#emit(event) });
  }

  /** How many workers are wanted. */
  get wanted(): number {
    return this.#target.workers;
  }

  /** The workers that are not gone, as they are now. */
  get workers(): readonly WorkerStatus[] {
    const running = this.#running;
    if (running === undefined) return [];
    return running.supervisor.roster.present.map((entry) => entry.status(running.session.clock));
  }

  /** What there can be at most, for the question whether a task can ever run. */
  get possible(): ClusterCapacity {
    const { resources, sharesResources, threadsPerWorker: threads, tasksPerThread } = this.#settings;
    return {
      resources,
      sharesResources,
      threads,
      tasksPerThread,
      maxWorkers: this.#target.maximum,
    };
  }

  /** Why there will be no workers, once that is so. */
  get failure(): ClusterStartError | undefined {
    return this.#failure;
  }

  /** Calls `listener` when the cluster gives up, at once if it has; until the returned function is called. */
  onFailure(listener: (error: ClusterStartError) => void): () => void {
    if (this.#failure !== undefined) listener(this.#failure);
    else this.#failureListeners.add(listener);
    return () => void this.#failureListeners.delete(listener);
  }

  /** Calls `listener` once the cluster has been closed, by whomever. */
  onClosed(listener: () => void): void {
    this.#closedListeners.add(listener);
  }

  /**
   * This many workers from now on; ends what `adapt` began. Returns at once: `waitForWorkers` waits. Workers that
   * are too many finish what they run before they go.
   * @throws InvalidOptionError
   */
  scale(workers: number): void {
    this.#refuseIfClosed();
    this.#target.scale(workers);
    this.#failVainWaits();
  }

  /**
   * As many workers as the backlog asks for, from now on, between two bounds.
   * @throws InvalidOptionError
   */
  adapt(options: AdaptOptions = {}): void {
    this.#refuseIfClosed();
    this.#target.adapt(options);
    this.#failVainWaits();
  }

  /** Looks at the backlog now, not at the next interval: for when the first tasks have become ready. */
  demandChanged(): void {
    this.#target.demandChanged();
  }

  /**
   * Until that many workers are ready.
   * @throws DeadlineError saying how many are, and why the others are not
   * @throws ClusterStartError when the cluster gives up
   * @throws InvalidOptionError when so many will never be there, and for what is no number of workers
   */
  async waitForWorkers(workers: number, options: WaitForWorkersOptions = {}): Promise<void> {
    const { timeoutMs, signal } = checkWait(workers, options, this.#settings.policy.startTimeoutMs);
    const running = this.#running;
    if (this.#failure !== undefined) throw this.#failure;
    if (running === undefined || this.#closing !== undefined) throw this.#closedError();
    if (workers > this.#target.maximum) throw this.#neverReady(workers);
    if (this.#readyCount() >= workers) return;
    const { clock } = running.session;
    await this.#waiting.until(workers, running.supervisor.roster, { timeoutMs, signal, clock });
  }

  /** What happens to workers, to their wanted number, and to the cluster, from now on; ends with the close. */
  get events(): AsyncIterable<ClusterHappening> {
    return this.#happenings;
  }

  /** A worker's output: the last thousand lines, then those that come. Also of a worker that is gone. */
  logs(id: WorkerId, signal?: AbortSignal): AsyncIterable<string> {
    const entry = this.#running?.supervisor.roster.recall(id);
    if (entry !== undefined) return entry.log.follow(signal);
    const known = this.workers.map((worker) => worker.id).join(", ") || "none";
    throw new InvalidOptionError(
      "id",
      `The cluster "${this.name}" knows no worker "${id}". Its workers: ${known}.`,
    );
  }

  /**
   * Takes all away: stops scaling, ends the workers, then what the provider opened. Each step has its deadline,
   * and what cannot be removed is in the report; it does not throw. Closing again gives the same report; with a
   * shorter grace it also hurries.
   * @param options.graceMs milliseconds that workers have to leave by themselves. @default 5000
   */
  close(options: { readonly graceMs?: number } = {}): Promise<CloseReport> {
    checkOptionNames(options, ["graceMs"], { where: "Cluster.close()" });
    const graceMs = checkNumber(options.graceMs, CLOSE_GRACE_MS, { option: "graceMs", min: 0 });
    if (this.#closing === undefined) this.#closing = { graceMs, report: this.#close(graceMs) };
    else if (graceMs < this.#closing.graceMs) this.#running?.supervisor.hurry(graceMs);
    return this.#closing.report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Who waits for more workers than there are to be from now on. */
  #failVainWaits(): void {
    this.#waiting.failAbove(this.#target.maximum, (count) => this.#neverReady(count));
  }

  #neverReady(workers: number): InvalidOptionError {
    const message = `waitForWorkers(${workers}) would wait for ever: the cluster "${this.name}" is to have at most ${this.#target.maximum}. Call scale(${workers}) first.`;
    return new InvalidOptionError("workers", message);
  }

  #readyCount(): number {
    const present = this.#running?.supervisor.roster.present ?? [];
    return present.filter(({ state }) => state === "ready").length;
  }

  #changed(): void {
    const ready = this.#readyCount();
    this.#waiting.ready(ready);
    const running = this.#running;
    if (
      running === undefined ||
      running.complete ||
      ready < this.#target.workers ||
      this.#closing !== undefined
    )
      return;
    running.complete = true;
    const { clock } = running.session;
    const durationMs = clock.now() - running.startedAt;
    this.#emit({ type: "cluster", at: clock.wallTime(), cluster: this.name, state: "ready", durationMs });
  }

  #gaveUp(why: NoWorkersCause, last: WorkerFailure | undefined): void {
    const message = whyNoWorkers(why, last, { name: this.name, ...this.#settings.policy });
    this.#failure = new ClusterStartError(message, { cluster: this.name, ...last });
    this.#target.hold();
    this.#running?.starvation.stop();
    this.#waiting.fail(this.#failure);
    const at = this.#running!.session.clock.wallTime();
    this.#emit({ type: "cluster", at, cluster: this.name, state: "failed", message });
    for (const listener of this.#failureListeners) listener(this.#failure);
    this.#failureListeners.clear();
  }

  async #close(graceMs: number): Promise<CloseReport> {
    this.#target.hold();
    this.#waiting.fail(this.#closedError());
    const running = this.#running;
    running?.starvation.stop();
    const clock = running?.session.clock;
    const startedAt = clock?.now() ?? 0;
    if (clock !== undefined)
      this.#emit({ type: "cluster", at: clock.wallTime(), cluster: this.name, state: "closing" });
    await this.#provider.abandon();
    const leftovers: Leftover[] = [];
    if (running !== undefined) leftovers.push(...(await running.supervisor.stop(graceMs)));
    // It may still be asked for values. Whether that goes well is for who closes the engine.
    if (this.bringsEngine) await running?.session.engineEnd?.()?.catch(() => undefined);
    leftovers.push(...(await this.#provider.close(clock)));
    running?.supervisor.end();
    for (const listener of this.#closedListeners) listener();
    const durationMs = (clock?.now() ?? 0) - startedAt;
    if (clock !== undefined) {
      const message =
        leftovers.map(({ what, reason }) => `${what} is left: ${reason}`).join("; ") || undefined;
      this.#emit({
        type: "cluster",
        at: clock.wallTime(),
        cluster: this.name,
        state: "closed",
        durationMs,
        message,
      });
    }
    this.#happenings.close();
    return { durationMs, leftovers };
  }

  #refuseIfClosed(): void {
    if (this.#closing !== undefined) throw this.#closedError();
  }

  #closedError(): MusterError {
    const state = !this.#provider.begun && this.#closing === undefined ? "not started" : "closed";
    return new MusterError("CLOSED", `The cluster "${this.name}" is ${state}.`);
  }

  #emit(event: ClusterHappening | LogEvent): void {
    this.#running?.session.events.emit(event);
    if (event.type !== "log") this.#happenings.send(event);
  }
}
