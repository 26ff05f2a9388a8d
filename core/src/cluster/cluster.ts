import type { Clock } from "../base/clock.ts";
import { brand, InvalidOptionError, MusterError, toError } from "../base/errors.ts";
import { type WaitOptions, withDeadline } from "../base/wait.ts";
import type { LogEvent } from "../events/event.ts";
import { type AdaptOptions, type AdaptPolicy, resolveAdaptOptions } from "./adapt-options.ts";
import { AdaptiveScaler } from "./adaptive-scaler.ts";
import { AsyncQueue } from "./async-queue.ts";
import { checkNumber } from "./check-options.ts";
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
import type { EngineEndpoint, HubAddress, WorkerId, WorkerSpec } from "./provider.ts";
import { Supervisor } from "./supervisor.ts";
import { type WaitForWorkersOptions, Waiting } from "./waiting.ts";
import { workerEnv } from "./worker-env.ts";
import type { Demand } from "./worker-link.ts";

/** Milliseconds that a close gives running tasks, unless told otherwise. */
const CLOSE_GRACE_MS = 5_000;
/** Milliseconds that a provider has to remove what it opened. */
const PROVIDER_CLOSE_MS = 60_000;

/** What there is while a cluster serves a run. */
interface Running {
  readonly session: ClusterSession;
  readonly supervisor: Supervisor;
  readonly startedAt: number;
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
  readonly #waiting = new Waiting();
  readonly #listeners = new Set<AsyncQueue<ClusterHappening>>();
  readonly #failureListeners = new Set<(error: ClusterStartError) => void>();
  /** Fires when it is closed. */
  readonly #abandon = new AbortController();
  #running: Running | undefined;
  #workers: number;
  #adapting: AdaptPolicy | undefined;
  #scaler: AdaptiveScaler | undefined;
  #failure: ClusterStartError | undefined;
  #opening: Promise<EngineEndpoint | undefined> | undefined;
  #closing: { readonly graceMs: number; readonly report: Promise<CloseReport> } | undefined;

  /** @throws InvalidOptionError */
  constructor(options: ClusterOptions) {
    this.#settings = resolveClusterOptions(options);
    this.name = this.#settings.name;
    this.#workers = this.#settings.workers;
  }

  static {
    brand(Cluster);
  }

  /**
   * Where an engine that is embedded in the driver is to listen; undefined: on the loopback interface. For executors,
   * before `start`.
   * @throws ClusterStartError when the place where workers would run cannot be used
   */
  async locateHub(signal?: AbortSignal): Promise<HubAddress | undefined> {
    const { provider, openTimeoutMs: timeoutMs } = this.#settings;
    const locating = (async () => provider.locateHub?.())();
    return await this.#orStartError(locating, `Asking the provider "${provider.name}"`, {
      timeoutMs,
      signal,
    });
  }

  /**
   * Opens the provider and asks for the first workers; does not wait for them. For executors.
   * @throws ClusterStartError when the provider cannot open; `close` is due all the same
   */
  async start(session: ClusterSession): Promise<void> {
    if (this.#opening !== undefined || this.#closing !== undefined) {
      throw new MusterError(
        "CLOSED",
        `The cluster "${this.name}" was started before. Make a new one for each run.`,
      );
    }
    const { provider, policy, expectedBootMs } = this.#settings;
    const { clock, link } = session;
    const startedAt = clock.now();
    session.events.emit({ type: "cluster", at: clock.wallTime(), cluster: this.name, state: "starting" });
    this.#opening = this.#open(session);
    let opened: EngineEndpoint | undefined;
    try {
      opened = await this.#opening;
    } catch (error) {
      if (this.#closing === undefined) throw error;
    }
    // It may have been closed while the provider opened.
    if (this.#closing !== undefined) return;
    const endpoint = opened ?? session.run.engine ?? link.endpoint;
    const supervisor = new Supervisor({
      provider,
      link,
      clock,
      policy,
      expectedBootMs,
      spec: (id) => this.#spec(id, endpoint, session),
      emit: (event) => this.#emit(event),
      changed: () => this.#changed(),
      gaveUp: (why, last) => this.#gaveUp(why, last),
    });
    this.#running = { session, supervisor, startedAt, complete: false };
    supervisor.begin();
    supervisor.want(this.#workers);
    this.#changed();
    this.#beginAdapting();
  }

  /** How many workers are wanted. */
  get wanted(): number {
    return this.#workers;
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
      maxWorkers: this.#adapting?.maximum ?? this.#workers,
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

  /**
   * This many workers from now on; ends what `adapt` began. Returns at once: `waitForWorkers` waits. Workers that
   * are too many finish what they run before they go.
   * @throws InvalidOptionError
   */
  scale(workers: number): void {
    this.#refuseIfClosed();
    const count = checkNumber(workers, 0, { option: "workers", min: 0, whole: true });
    this.#stopAdapting();
    this.#want(count, "It was asked for.");
  }

  /**
   * As many workers as the backlog asks for, from now on, between two bounds.
   * @throws InvalidOptionError
   */
  adapt(options: AdaptOptions = {}): void {
    this.#refuseIfClosed();
    const policy = resolveAdaptOptions(options, this.#settings.defaultMaximum);
    this.#stopAdapting();
    this.#adapting = policy;
    if (this.#running === undefined) this.#workers = policy.initial;
    else if (options.initial !== undefined) this.#want(policy.initial, "It is the initial number.");
    this.#beginAdapting();
  }

  /** Looks at the backlog now, not at the next interval: for when the first tasks have become ready. */
  demandChanged(): void {
    if (this.#workers === 0) this.#scaler?.decide();
  }

  /**
   * Until that many workers are ready.
   * @throws DeadlineError saying how many are, and why the others are not
   * @throws ClusterStartError when the cluster gives up
   * @throws InvalidOptionError when so many will never be there
   */
  async waitForWorkers(workers: number, options: WaitForWorkersOptions = {}): Promise<void> {
    const running = this.#running;
    if (this.#failure !== undefined) throw this.#failure;
    if (running === undefined || this.#closing !== undefined) throw this.#closedError();
    const { maxWorkers } = this.possible;
    if (workers > maxWorkers) {
      const message = `waitForWorkers(${workers}) would wait for ever: the cluster "${this.name}" is to have at most ${maxWorkers}. Call scale(${workers}) first.`;
      throw new InvalidOptionError("workers", message);
    }
    if (this.#readyCount() >= workers) return;
    const { clock } = running.session;
    const { timeoutMs = this.#settings.policy.startTimeoutMs, signal } = options;
    await this.#waiting.until(workers, running.supervisor.roster, { timeoutMs, signal, clock });
  }

  /** What happens to workers, to their wanted number, and to the cluster, from now on; ends with the close. */
  get events(): AsyncIterable<ClusterHappening> {
    return {
      [Symbol.asyncIterator]: () => {
        const queue: AsyncQueue<ClusterHappening> = new AsyncQueue(() => void this.#listeners.delete(queue));
        if (this.#closing === undefined) this.#listeners.add(queue);
        else queue.close();
        return queue;
      },
    };
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
    const graceMs = options.graceMs ?? CLOSE_GRACE_MS;
    if (this.#closing === undefined) this.#closing = { graceMs, report: this.#close(graceMs) };
    else if (graceMs < this.#closing.graceMs) this.#running?.supervisor.hurry(graceMs);
    return this.#closing.report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #open({ clock, run, events }: ClusterSession): Promise<EngineEndpoint | undefined> {
    const { provider, openTimeoutMs: timeoutMs } = this.#settings;
    const signal = AbortSignal.any([run.signal, this.#abandon.signal]);
    const log = (message: string): void =>
      events.emit({ type: "log", at: clock.wallTime(), level: "info", message });
    // It may throw at once, as well as later.
    const opening = (async () => provider.open?.({ ...run, signal, log }))();
    return this.#orStartError(opening, `Opening the provider "${provider.name}"`, {
      timeoutMs,
      clock,
      signal,
    });
  }

  async #orStartError<T>(answer: Promise<T>, what: string, options: WaitOptions): Promise<T> {
    try {
      return await withDeadline(answer, what, options);
    } catch (error) {
      const message = `The cluster "${this.name}" cannot start: ${toError(error).message}`;
      throw new ClusterStartError(message, { cluster: this.name }, { cause: error });
    }
  }

  #spec(id: WorkerId, endpoint: EngineEndpoint, session: ClusterSession): WorkerSpec {
    const { threadsPerWorker: threads, tasksPerThread, resources, env, memoryLimit } = this.#settings;
    const settings = workerEnv({
      address: endpoint.address,
      token: endpoint.token,
      certificate: endpoint.certificate,
      workerId: id,
      runId: session.run.runId,
      threads,
      tasksPerThread,
      resources,
      memoryLimit,
      deathTimeoutMs: session.deathTimeoutMs,
      cancelGraceMs: session.cancelGraceMs,
      logLevel: session.debug ? "debug" : "info",
    });
    return { id, env: { ...env, ...settings }, threads, resources, memoryLimit };
  }

  #want(workers: number, reason: string, demand?: Demand): void {
    const from = this.#workers;
    this.#workers = workers;
    if (this.#running === undefined || from === workers) return;
    const at = this.#running.session.clock.wallTime();
    this.#emit({ type: "scaling", at, from, to: workers, reason, demand });
    this.#running.supervisor.want(workers);
  }

  #beginAdapting(): void {
    if (this.#adapting === undefined || this.#running === undefined) return;
    const { session, supervisor } = this.#running;
    this.#scaler = new AdaptiveScaler({
      policy: this.#adapting,
      clock: session.clock,
      roster: supervisor.roster,
      slotsPerWorker: this.#settings.threadsPerWorker * this.#settings.tasksPerThread,
      demand: session.demand,
      wanted: () => this.#workers,
      decided: ({ wanted, reason }, demand) => this.#want(wanted, reason, demand),
    });
    this.#scaler.decide();
  }

  #stopAdapting(): void {
    this.#scaler?.stop();
    this.#scaler = undefined;
    this.#adapting = undefined;
  }

  #readyCount(): number {
    const present = this.#running?.supervisor.roster.present ?? [];
    return present.filter(({ state }) => state === "ready").length;
  }

  #changed(): void {
    const ready = this.#readyCount();
    this.#waiting.ready(ready);
    const running = this.#running;
    if (running === undefined || running.complete || ready < this.#workers || this.#closing !== undefined)
      return;
    running.complete = true;
    const { clock } = running.session;
    const durationMs = clock.now() - running.startedAt;
    this.#emit({ type: "cluster", at: clock.wallTime(), cluster: this.name, state: "ready", durationMs });
  }

  #gaveUp(why: NoWorkersCause, last: WorkerFailure | undefined): void {
    const message = whyNoWorkers(why, last, { name: this.name, ...this.#settings.policy });
    this.#failure = new ClusterStartError(message, { cluster: this.name, ...last });
    this.#stopAdapting();
    this.#waiting.fail(this.#failure);
    const at = this.#running!.session.clock.wallTime();
    this.#emit({ type: "cluster", at, cluster: this.name, state: "failed", message });
    for (const listener of this.#failureListeners) listener(this.#failure);
    this.#failureListeners.clear();
  }

  async #close(graceMs: number): Promise<CloseReport> {
    this.#stopAdapting();
    this.#waiting.fail(this.#closedError());
    const running = this.#running;
    const clock = running?.session.clock;
    const startedAt = clock?.now() ?? 0;
    if (clock !== undefined)
      this.#emit({ type: "cluster", at: clock.wallTime(), cluster: this.name, state: "closing" });
    this.#abandon.abort();
    await this.#opening?.catch(() => undefined);
    const leftovers: Leftover[] = [];
    if (running !== undefined) leftovers.push(...(await running.supervisor.stop(graceMs)));
    if (this.#opening !== undefined) leftovers.push(...(await this.#closeProvider(clock)));
    running?.supervisor.end();
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
    for (const queue of [...this.#listeners]) queue.close();
    return { durationMs, leftovers };
  }

  async #closeProvider(clock: Clock | undefined): Promise<Leftover[]> {
    const { provider } = this.#settings;
    try {
      const closing = Promise.resolve(provider.close?.());
      await withDeadline(closing, `Closing the provider "${provider.name}"`, {
        timeoutMs: PROVIDER_CLOSE_MS,
        clock,
      });
      return [];
    } catch (error) {
      return [{ what: `something of the provider "${provider.name}"`, reason: toError(error).message }];
    }
  }

  #refuseIfClosed(): void {
    if (this.#closing !== undefined) throw this.#closedError();
  }

  #closedError(): MusterError {
    const state = this.#opening === undefined && this.#closing === undefined ? "not started" : "closed";
    return new MusterError("CLOSED", `The cluster "${this.name}" is ${state}.`);
  }

  #emit(event: ClusterHappening | LogEvent): void {
    this.#running?.session.events.emit(event);
    if (event.type === "log") return;
    for (const queue of this.#listeners) queue.push(event);
  }
}
