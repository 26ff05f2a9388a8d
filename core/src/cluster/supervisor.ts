import type { Clock, Timer } from "../base/clock.ts";
import { toError } from "../base/errors.ts";
import { withDeadline } from "../base/wait.ts";
import type { LogEvent, LogLevel, WorkerEvent } from "../contracts/event.ts";
import type {
  LaunchResult,
  WorkerId,
  WorkerObservation,
  WorkerProvider,
  WorkerSpec,
} from "../contracts/provider.ts";
import type { WorkerLink, WorkerLinkEvent } from "../contracts/worker-link.ts";
import type { Leftover, NoWorkersCause, WorkerFailure } from "./cluster-session.ts";
import { type ReconcilePolicy, reconcile, type StopCause } from "./reconciler.ts";
import { Roster } from "./roster.ts";
import type { WorkerEntry } from "./worker-entry.ts";
import { WorkerOutput } from "./worker-output.ts";
import { isBooting } from "./worker-state.ts";

/** Milliseconds that a worker which is taken away has to leave by itself. */
const STOP_GRACE_MS = 5_000;
/** Milliseconds beyond the grace that a provider has to take workers away. */
const TERMINATE_MARGIN_MS = 15_000;
/** Milliseconds after which taking away is tried again. */
const TERMINATE_RETRY_MS = 5_000;
/** Milliseconds that a close waits for the answer to a launch. */
const LAUNCH_ANSWER_MS = 15_000;

export interface SupervisorDeps {
  readonly provider: WorkerProvider;
  readonly link: WorkerLink;
  readonly clock: Clock;
  readonly policy: ReconcilePolicy;
  readonly expectedBootMs: number;
  readonly spec: (id: WorkerId) => WorkerSpec;
  readonly emit: (event: WorkerEvent | LogEvent) => void;
  /** Nothing more will begin: no worker is started any more. */
  readonly isCancelled: () => boolean;
  /** Something about the workers changed. */
  readonly changed: () => void;
  /** There are no workers, and there will be none. Called at most once. */
  readonly gaveUp: (why: NoWorkersCause, last: WorkerFailure | undefined) => void;
}

/**
 * Brings the workers that exist to the number that is wanted, and keeps them there: takes in the news of the
 * provider and of the engine, asks the reconciler what to do, and does it.
 */
export class Supervisor {
  readonly roster: Roster;
  readonly #deps: SupervisorDeps;
  readonly #output: WorkerOutput;
  readonly #launches = new Set<Promise<void>>();
  readonly #listening = new AbortController();
  #unsubscribe: (() => void) | undefined;
  #wanted = 0;
  #stopped = false;
  #lookPlanned = false;
  #wake: Timer | undefined;

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    const changed = (): void => {
      deps.changed();
      this.#lookSoon();
    };
    this.roster = new Roster({ ...deps, changed });
    this.#output = new WorkerOutput({ ...deps, signal: this.#listening.signal });
  }

  /** Listens to the provider and to the engine from now on. */
  begin(): void {
    this.#unsubscribe = this.#deps.link.subscribe((event) => this.#heard(event));
    void this.#observe();
  }

  get wanted(): number {
    return this.#wanted;
  }

  want(workers: number): void {
    this.#wanted = workers;
    if (workers === 0) this.roster.noneWanted();
    this.#lookSoon();
  }

  /** Takes all workers away and launches no more; tells what it could not take away. */
  async stop(graceMs: number): Promise<Leftover[]> {
    const { clock, provider } = this.#deps;
    this.#lookNoMore();
    for (const entry of this.roster.present) {
      entry.expected = true;
      this.roster.move(entry, "stopped");
    }
    // A worker cannot be taken away before the provider knows it.
    const answers = Promise.allSettled(this.#launches);
    await withDeadline(answers, "A launch", { timeoutMs: LAUNCH_ANSWER_MS, clock }).catch(() => undefined);
    const ids = this.roster.present.map(({ id }) => id);
    if (ids.length === 0) return [];
    try {
      await this.#takeAway(ids, graceMs);
      return [];
    } catch (error) {
      const reason = `the provider "${provider.name}" could not take it away: ${toError(error).message}`;
      return this.roster.present.map(({ id }) => ({ what: `worker ${id}`, reason }));
    }
  }

  /** Shortens the grace of a stop that is under way. */
  hurry(graceMs: number): void {
    const ids = this.roster.present.map(({ id }) => id);
    // If it fails, so does the call under way, which reports it.
    if (ids.length > 0) void this.#takeAway(ids, graceMs).catch(() => undefined);
  }

  /** Listens no more. */
  end(): void {
    this.#lookNoMore();
    this.#unsubscribe?.();
    this.#listening.abort();
    this.roster.endLogs();
  }

  #lookNoMore(): void {
    this.#stopped = true;
    this.#wake?.cancel();
  }

  /** Looks once, after everything that happens now was taken in. */
  #lookSoon(): void {
    if (this.#lookPlanned || this.#stopped) return;
    this.#lookPlanned = true;
    queueMicrotask(() => {
      this.#lookPlanned = false;
      if (!this.#stopped) this.#look();
    });
  }

  #look(): void {
    const { clock, policy } = this.#deps;
    const now = clock.now();
    const { present, health } = this.roster;
    const plan = reconcile({ wanted: this.#wanted, workers: present, health, now }, policy);
    for (const { id, cause } of plan.stop) this.#stopOne(this.roster.get(id)!, cause);
    for (const id of plan.drain) this.#retire(this.roster.get(id)!);
    if (plan.giveUp !== undefined) {
      this.#giveUp(plan.giveUp);
      return;
    }
    if (plan.launch > 0 && !this.#deps.isCancelled()) this.#launch(plan.launch);
    const wakeAt = Math.min(plan.wakeAt, this.#terminateStopping(now));
    this.#wake?.cancel();
    if (Number.isFinite(wakeAt)) {
      this.#wake = clock.after(wakeAt - now, () => this.#lookSoon(), { keepAlive: false });
    }
  }

  #giveUp(why: NoWorkersCause): void {
    if (this.#stopped) return;
    this.#lookNoMore();
    const hung = this.roster.present.find(({ readyAt }) => readyAt === undefined);
    const waiting = hung === undefined ? undefined : { worker: hung.id, death: hung.death() };
    this.#deps.gaveUp(why, this.roster.lastFailure ?? waiting);
  }

  #retire(entry: WorkerEntry): void {
    entry.expected = true;
    this.roster.move(entry, "retired");
    this.#deps.link.drain(entry.id);
  }

  #stopOne(entry: WorkerEntry, cause: StopCause): void {
    const { startTimeoutMs, drainTimeoutMs } = this.#deps.policy;
    switch (cause) {
      case "boot-timeout":
        entry.cause = `not ready within ${startTimeoutMs} ms`;
        this.roster.failed(entry);
        break;
      case "drain-timeout":
        entry.cause = `not drained within ${drainTimeoutMs} ms`;
        break;
      case "unwanted":
        entry.cause = "no longer wanted";
        entry.expected = true;
        break;
    }
    this.roster.move(entry, "stopped");
  }

  #launch(count: number): void {
    const specs = this.roster.launched(count).map(({ id }) => this.#deps.spec(id));
    const launch = this.#askFor(specs).finally(() => this.#launches.delete(launch));
    this.#launches.add(launch);
    this.#deps.changed();
  }

  async #askFor(specs: readonly WorkerSpec[]): Promise<void> {
    let results: readonly LaunchResult[];
    try {
      results = await this.#deps.provider.launch(specs);
    } catch (error) {
      results = specs.map(({ id }) => ({ id, ok: false, reason: toError(error).message }));
    }
    const byId = new Map(results.map((result) => [result.id, result]));
    for (const { id } of specs) {
      const entry = this.roster.get(id);
      if (entry === undefined) continue;
      entry.answered = true;
      const result: LaunchResult = byId.get(id) ?? {
        id,
        ok: false,
        reason: "the provider did not say what became of it",
      };
      if (result.ok) void this.#output.read(entry);
      else {
        entry.saw({ id, phase: "ended", reason: result.reason, permanent: result.permanent });
        this.#ended(entry);
      }
    }
    this.#lookSoon();
  }

  /** Has taken away what is to be and is not yet under way; returns when to try again. */
  #terminateStopping(now: number): number {
    const stopping = this.roster.present.filter(
      ({ state, answered, terminating }) => state === "stopping" && answered && !terminating,
    );
    const due = stopping.filter(({ terminateAt }) => terminateAt <= now);
    if (due.length > 0) void this.#terminate(due);
    return Math.min(
      ...stopping.filter((entry) => !due.includes(entry)).map(({ terminateAt }) => terminateAt),
    );
  }

  async #terminate(entries: readonly WorkerEntry[]): Promise<void> {
    const ids = entries.map(({ id }) => id);
    for (const entry of entries) entry.terminating = true;
    try {
      await this.#takeAway(ids, STOP_GRACE_MS);
    } catch (error) {
      this.#log("warn", `${ids.join(", ")} could not be taken away yet: ${toError(error).message}`);
      for (const entry of entries) {
        entry.terminating = false;
        entry.terminateAt = this.#deps.clock.now() + TERMINATE_RETRY_MS;
      }
      this.#lookSoon();
    }
  }

  async #takeAway(ids: readonly WorkerId[], graceMs: number): Promise<void> {
    const { provider, clock } = this.#deps;
    const timeoutMs = graceMs + TERMINATE_MARGIN_MS;
    await withDeadline(provider.terminate(ids, { graceMs }), "Taking workers away", { timeoutMs, clock });
    const left = ids.flatMap((id) => this.roster.get(id) ?? []);
    await Promise.all(left.map((entry) => this.#endedWithLastLines(entry)));
  }

  async #observe(): Promise<void> {
    const { provider } = this.#deps;
    let reason = "its stream of observations ended";
    try {
      for await (const observation of provider.observe(this.#listening.signal)) this.#saw(observation);
    } catch (error) {
      reason = toError(error).message;
    }
    if (this.#listening.signal.aborted) return;
    this.#log(
      "error",
      `The provider "${provider.name}" does not tell any more what becomes of workers: ${reason}`,
    );
    this.#giveUp("blind");
  }

  #saw(observation: WorkerObservation): void {
    const entry = this.roster.get(observation.id);
    if (entry === undefined || !entry.saw(observation)) return;
    if (observation.phase === "ended") void this.#endedWithLastLines(entry);
    else if (observation.permanent === true && isBooting(entry.state)) {
      this.roster.failed(entry);
      this.roster.move(entry, "stopped");
    } else if (observation.phase === "running") this.roster.move(entry, "started");
  }

  #heard(event: WorkerLinkEvent): void {
    const entry = this.roster.get(event.id);
    if (entry === undefined) return;
    switch (event.type) {
      case "joined": {
        const { slots, pid, host } = event;
        Object.assign(entry, { slots, pid, host });
        if (isBooting(entry.state)) this.roster.joined(entry);
        // It connected just as it was given up: a task that it got now would be lost with it.
        else if (entry.state === "stopping") this.#deps.link.drain(entry.id);
        break;
      }
      case "busy":
        entry.hasWorked ||= event.running < entry.running;
        entry.running = event.running;
        this.#deps.changed();
        break;
      case "left":
        if (entry.state !== "ready" && entry.state !== "draining") break;
        entry.cause = event.reason;
        entry.expected = event.drained;
        if (!event.drained) this.roster.failed(entry);
        this.roster.move(entry, "stopped");
        break;
    }
  }

  /** Its last lines are on their way: whoever hears of its end should hear them too. */
  async #endedWithLastLines(entry: WorkerEntry): Promise<void> {
    await this.#output.readLast(entry);
    this.#ended(entry);
  }

  #ended(entry: WorkerEntry): void {
    if (this.roster.end(entry)) this.#deps.link.reportDeath(entry.id, entry.death());
  }

  #log(level: LogLevel, message: string): void {
    this.#deps.emit({ type: "log", at: this.#deps.clock.wallTime(), level, message });
  }
}
