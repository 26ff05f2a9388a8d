import type { Clock } from "../base/clock.ts";
import { MusterError } from "../base/errors.ts";
import type {
  Engine,
  EngineListener,
  FutureLookup,
  Loss,
  Packed,
  TaskReport,
  TaskStart,
} from "../contracts/engine.ts";
import type { LogEvent, StateName } from "../contracts/event.ts";
import type { Demand } from "../contracts/worker-link.ts";
import type { EventLog } from "../events/event-log.ts";
import { Adoptions } from "./adoptions.ts";
import { Attempts } from "./attempts.ts";
import { CodeGate } from "./code-gate.ts";
import { demandOf } from "./demand.ts";
import {
  type CancelReason,
  DeadlyTaskError,
  type Failure,
  TaskCancelledError,
  UpstreamFailedError,
} from "./errors.ts";
import { Gathers } from "./gathers.ts";
import { LossCauses } from "./loss-causes.ts";
import { depthOf, type MapSource, type Packing, packElements } from "./map-source.ts";
import { rankTogether } from "./rank-together.ts";
import { RunFunction } from "./run-function.ts";
import { RunList } from "./run-list.ts";
import { checkTransition } from "./states.ts";
import { type GatherRun, type Node, TaskRun, type TaskRunOwner } from "./task-run.ts";
import { judge } from "./verdict.ts";

export interface SchedulerOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly events: EventLog;
  /** How long a cancelled task may take to clean up before its thread is ended, in milliseconds. */
  readonly cancelGraceMs: number;
  /** Finds the node behind a future, also behind one of another run. */
  readonly lookup: FutureLookup<Node>;
  /** For messages: `the run run-3f9a1c04b2 of the flow "word-count"`. */
  readonly runName: string;
  /** Called when a task failed for good. */
  readonly onFailure?: (run: TaskRun) => void;
  /** Called when tasks have become ready. */
  readonly onReady?: () => void;
}

/** A failure that nobody looked at. */
export interface UnseenFailure extends Failure {
  readonly state: StateName;
}

/**
 * WHEN a task may run. It holds the graph and the state of each task, and is the only one who does: an engine reports,
 * and what it reports of an attempt that was given up is dropped.
 */
export class Scheduler implements TaskRunOwner {
  readonly #options: SchedulerOptions;
  readonly engine: Engine;
  readonly #packing: Packing;
  readonly #functions: RunFunction[] = [];
  /** Task runs that have not ended. */
  readonly #unfinished = new RunList();
  readonly #codeGate: CodeGate;
  readonly #attempts: Attempts;
  readonly #gathers: Gathers;
  readonly #adoptions: Adoptions;
  readonly #causes = new LossCauses();
  readonly #failed: TaskRun[] = [];
  /** Runs whose dependencies failed, while they are being ended. */
  readonly #doomed: { readonly run: TaskRun; readonly failed: Node }[] = [];
  #runs = 0;
  #idle: PromiseWithResolvers<void> | undefined;
  #cancelled: CancelReason | undefined;
  #open = true;
  #closed = false;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.engine = options.engine;
    const { engine, clock, onReady: onSubmit } = options;
    const adoptions = new Adoptions(this, engine);
    this.#packing = { engine, lookup: (value) => adoptions.local(options.lookup(value)) };
    this.#adoptions = adoptions;
    this.#attempts = new Attempts({ engine, clock, onSubmit });
    this.#codeGate = new CodeGate({
      pass: (run) => this.#attempts.make(run),
      refuse: (run, error) => this.#finish(run, "Failed", error),
    });
    this.#gathers = new Gathers({
      owner: this,
      engine,
      map: (fn, sources) => this.map(fn, sources),
      onEnd: () => this.#tellIdle(),
    });
  }

  /** What the engine is started with. */
  readonly listener: EngineListener = {
    started: (starts) => this.#onStarted(starts),
    reported: (reports) => {
      for (const report of reports) this.#onReport(report);
    },
    log: (event: LogEvent) => this.#options.events.emit(event),
    failed: (error) => this.failAll(error),
  };

  /** @throws MusterError `UNSATISFIABLE_RESOURCES` for one whose tasks no worker could run */
  makeFunction(
    facts: Pick<RunFunction, "name" | "local" | "site">,
    policy: RunFunction["policy"],
  ): RunFunction {
    const fn = new RunFunction(this.#functions.length, facts, policy);
    const impossible = this.engine.whyImpossible(fn);
    if (impossible === undefined) return fn;
    throw new MusterError("UNSATISFIABLE_RESOURCES", `Task "${fn.name}" can never run: ${impossible}`);
  }

  /** From now on the next function that is made has the next number. */
  addFunction(fn: RunFunction): void {
    this.#functions.push(fn);
  }

  /**
   * Takes a task. It runs as soon as its dependencies have values and there is room.
   * @throws NotSerializableError for an argument that cannot travel
   */
  submit(fn: RunFunction, args: readonly unknown[]): TaskRun {
    return this.#submit(fn, this.engine.pack(args, fn.name, this.#packing.lookup), 0);
  }

  /** @param depth of what it follows, apart from its dependencies */
  #submit(fn: RunFunction, packed: Packed<Node>, depth: number): TaskRun {
    const run = new TaskRun(this, fn, { id: ++this.#runs, depth });
    run.give(packed);
    rankTogether(run);
    this.#unfinished.add(run);
    this.#emit(run, "Pending");
    if (this.#cancelled !== undefined) {
      this.#refuse(run, "Cancelled", new TaskCancelledError(fn.name, this.#cancelled));
      return run;
    }
    if (fn.deadly !== undefined) {
      this.#refuse(run, "Crashed", fn.deadly);
      return run;
    }
    if (!run.awaitDependencies()) this.dependenciesEnded(run);
    return run;
  }

  /**
   * Not at once: a flow that catches the error and submits again would otherwise keep the thread to itself, and no
   * signal or timer could end it.
   */
  #refuse(run: TaskRun, state: StateName, error: Error): void {
    const finish = (): void => {
      if (!run.isFinished) this.#finish(run, state, error);
    };
    this.#options.clock.after(0, finish, { keepAlive: !this.#closed });
  }

  /** One task an element, where the elements are known now. */
  map(fn: RunFunction, sources: readonly MapSource[]): TaskRun[] {
    // All of them before the first runs: an element that cannot travel leaves none behind that nobody has a future of.
    const packed = packElements(fn.name, sources, this.#packing);
    const depth = depthOf(sources);
    return packed.map((one) => this.#submit(fn, one, depth));
  }

  /** One task an element, where the elements of some source are known only later. */
  mapLater(fn: RunFunction, sources: readonly MapSource[]): GatherRun {
    return this.#gathers.later(fn, sources);
  }

  /** The value of a node, or its error thrown. The same object for everybody who asks. */
  result(node: Node): Promise<unknown> {
    node.promise ??= new Promise((resolve, reject) => {
      const settle = (): void => {
        if (node.state !== "Success") {
          reject(node.error);
          return;
        }
        try {
          resolve(this.unpack(node));
        } catch (error) {
          reject(error);
        }
      };
      node.whenEnded(settle);
    });
    return node.promise;
  }

  /** The values of all these nodes, as soon as all are there; or the first error. */
  results(nodes: readonly Node[]): Promise<unknown> {
    return this.result(this.#gathers.of(this.#adoptions.local(nodes)));
  }

  /** @throws MusterError `CLOSED` when the value went with this run */
  unpack(node: Node): unknown {
    try {
      const value = this.engine.unpack(node.value);
      return value instanceof Promise ? value.catch((error) => this.#explain(node, error)) : value;
    } catch (error) {
      return this.#explain(node, error);
    }
  }

  #explain(node: Node, cause: unknown): never {
    if (!(cause instanceof MusterError && cause.code === "CLOSED")) throw cause;
    throw new MusterError(
      "CLOSED",
      `The result of task "${node.name}" went with ${this.#options.runName}, which has ended. Await it before its run ends.`,
      { cause },
    );
  }

  /** Resolves when no task is left that has not ended. */
  idle(): Promise<void> {
    if (this.#unfinished.size === 0 && this.#gathers.size === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers<void>();
    return this.#idle.promise;
  }

  /**
   * Ends all tasks that have not ended, and takes none that comes after.
   * @param failed the task for whose failure the others are cancelled
   */
  cancelAll(reason: string, graceMs: number = this.#options.cancelGraceMs, failed?: Failure): void {
    const why = { reason, failed };
    this.#cancelled ??= why;
    for (const run of this.#takeUnfinished()) {
      if (!this.#attempts.cancel(run, graceMs)) continue;
      this.#finish(run, "Cancelled", new TaskCancelledError(run.fn.name, why));
    }
    this.#leaveOthers(why);
  }

  /** Nothing more will begin. */
  get isCancelled(): boolean {
    return this.#cancelled !== undefined;
  }

  /** The engine is gone: nothing that has not ended ever will. */
  failAll(error: Error): void {
    this.#cancelled ??= { reason: error.message };
    for (const run of this.#takeUnfinished()) this.#finish(run, "Crashed", error);
    this.#leaveOthers(this.#cancelled);
  }

  /** The engine is closed. What has not ended by now is cancelled, and so is all that still comes. */
  close(reason: string): void {
    this.#closed = true;
    this.#cancelled ??= { reason };
    for (const run of this.#takeUnfinished())
      this.#finish(run, "Cancelled", new TaskCancelledError(run.fn.name, this.#cancelled));
    this.#leaveOthers(this.#cancelled);
  }

  /** Waits for no other run any longer. */
  #leaveOthers(why: CancelReason): void {
    this.#gathers.cancel(why);
    this.#adoptions.cancel(why);
  }

  /**
   * What has not ended, none of which is tried any more: dependents before what they depend on, whose end is then not
   * the reason of theirs.
   */
  *#takeUnfinished(): Generator<TaskRun, void> {
    this.#attempts.clear();
    for (const run of [...this.#unfinished].reverse()) if (!run.isFinished) yield run;
  }

  /** The flow submits no more tasks. */
  closeSubmissions(): void {
    this.#open = false;
  }

  /** Failures that nobody looked at: neither awaited, nor handed on to a task. */
  unseenFailures(): readonly UnseenFailure[] {
    return [...this.#failed, ...this.#gathers.failedWithoutElements()]
      .filter((node) => !node.observed)
      .map((node) => ({ name: node.name, state: node.state, error: node.error }));
  }

  /** Task runs that have ended without success, in the order of their ends. */
  get failed(): readonly TaskRun[] {
    return this.#failed;
  }

  /** What a cluster needs to know to have the right number of workers. */
  demand(): Demand {
    const at = { now: this.#options.clock.now(), open: this.#open };
    return demandOf(this.#functions, this.#attempts.running, at);
  }

  /** Names of tasks that wait for room. */
  waiting(): string[] {
    return this.#functions.filter(({ submitted, running }) => submitted > running).map(({ name }) => name);
  }

  /** The task is ready, or it never will be. */
  dependenciesEnded(run: TaskRun): void {
    const failed = run.dependencies.find((dependency) => dependency.state !== "Success");
    if (failed !== undefined) {
      this.#doom(run, failed);
      return;
    }
    run.settleDepth();
    this.#codeGate.add(run);
  }

  /** A loop, where its dependents doom theirs: a chain may be longer than the stack is deep. */
  #doom(run: TaskRun, failed: Node): void {
    this.#doomed.push({ run, failed });
    if (this.#doomed.length > 1) return;
    for (let index = 0; index < this.#doomed.length; index++) {
      const { run: next, failed: cause } = this.#doomed[index]!;
      this.#finish(next, "UpstreamFailed", new UpstreamFailedError(next.fn.name, cause.name, cause.error));
    }
    this.#doomed.length = 0;
  }

  #onStarted(starts: readonly TaskStart[]): void {
    for (const { task, attempt, worker } of starts) {
      const run = task as TaskRun;
      if (!this.#attempts.started(run, attempt)) continue;
      this.#enter(run, "Running");
      this.#emit(run, "Running", { worker });
    }
  }

  #onReport(report: TaskReport): void {
    const run = report.task as TaskRun;
    if (!this.#attempts.ended(run, report.attempt)) return;
    if (report.kind === "success") {
      run.value = report.value;
      run.fn.took(report.durationMs, report.bytes ?? 0);
      if (!this.#causes.isEmpty) this.#causes.succeeded(run.fn);
      this.#finish(run, "Success", undefined, report);
      return;
    }
    if (report.loss !== undefined) this.#countLoss(run, report.worker, report.loss);
    if (run.fn.deadly !== undefined && this.#cancelled === undefined) {
      this.#finish(run, "Crashed", run.fn.deadly, report);
      return;
    }
    const verdict = judge(run, report, this.#cancelled);
    switch (verdict.next) {
      case "end":
        this.#finish(run, verdict.state, verdict.error, report);
        return;
      case "retry":
        this.#retry(run, verdict.error, verdict.delayMs);
        return;
      case "again":
        this.#goBehind(run);
        this.#attempts.make(run);
        return;
    }
  }

  /** Once a function is taken for the cause of many losses, all its tasks end with that. */
  #countLoss(lost: TaskRun, worker: string, loss: Loss): void {
    const { fn } = lost;
    if (fn.deadly !== undefined) return;
    const cause = this.#causes.lost(fn, lost.id, loss);
    if (cause === undefined) return;
    const error = new DeadlyTaskError({ name: fn.name, attempts: lost.attempt }, worker, cause);
    fn.deadly = error;
    this.#attempts.forget(fn);
    for (const run of [...this.#unfinished]) {
      if (run.fn !== fn || run === lost || run.isFinished) continue;
      if (this.#attempts.cancel(run, this.#options.cancelGraceMs)) this.#finish(run, "Crashed", error);
    }
  }

  /** What is tried again waits for all that was submitted by now: one that fails again and again holds up nobody. */
  #goBehind(run: TaskRun): void {
    run.rank = this.#runs;
  }

  #retry(run: TaskRun, error: Error, delayMs: number): void {
    this.#enter(run, "Retrying");
    this.#emit(run, "Retrying", { message: error.message });
    this.#goBehind(run);
    this.#attempts.makeAfter(run, delayMs);
  }

  #finish(run: TaskRun, state: StateName, error: Error | undefined, report?: TaskReport): void {
    this.#enter(run, state);
    run.error = error;
    run.letGo();
    this.#attempts.giveUp(run);
    this.#unfinished.delete(run);
    this.#emit(run, state, {
      message: error?.message,
      worker: report?.worker,
      durationMs: report?.durationMs,
    });
    if (state !== "Success") {
      this.#failed.push(run);
      if (state === "Failed" || state === "Crashed") this.#options.onFailure?.(run);
    }
    run.tellDependents();
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#unfinished.size > 0 || this.#gathers.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  #enter(run: TaskRun, state: StateName): void {
    checkTransition(run.state, state);
    run.state = state;
  }

  #emit(
    run: TaskRun,
    state: StateName,
    facts?: { message?: string | undefined; worker?: string | undefined; durationMs?: number | undefined },
  ): void {
    this.#options.events.emit({
      type: "task",
      at: this.#options.clock.wallTime(),
      id: run.id,
      name: run.fn.name,
      state,
      attempt: run.attempt,
      worker: facts?.worker,
      durationMs: facts?.durationMs,
      message: facts?.message,
    });
  }
}
