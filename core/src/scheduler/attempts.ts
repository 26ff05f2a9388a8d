import type { Clock, Timer } from "../base/clock.ts";
import type { Engine } from "../contracts/engine.ts";
import type { RunFunction } from "./run-function.ts";
import type { TaskRun } from "./task-run.ts";

/** Enough for some workers to begin with, and soon submitted. */
const MANY = 256;
/** Of those that follow in the same turn so many times as many: what takes them together may come only after them. */
const MORE = 16;

export interface AttemptsOptions {
  readonly engine: Pick<Engine, "submit" | "cancel">;
  readonly clock: Clock;
  /** Called when attempts have gone to the engine. */
  readonly onSubmit: (() => void) | undefined;
}

/**
 * The attempts of task runs. A run has one at a time: it is about to be made, waits for its time, or the engine has
 * it. What an engine says of any other is of one that was given up.
 */
export class Attempts {
  readonly #options: AttemptsOptions;
  /** Runs whose next attempt goes to the engine in this turn. */
  #ready: TaskRun[] = [];
  #isSubmitting = false;
  /** When there are so many they go to the engine in the middle of a turn. */
  #many = MANY;
  /** Runs whose next attempt has its time. */
  readonly #waiting = new Map<TaskRun, Timer>();
  /** Runs that the engine was seen to run. */
  readonly #running = new Set<TaskRun>();

  constructor(options: AttemptsOptions) {
    this.#options = options;
  }

  get running(): ReadonlySet<TaskRun> {
    return this.#running;
  }

  /**
   * Makes the next attempt. Those that are made in one turn go to the engine together; when they are many, not all at
   * its end: workers need not wait until the last of a million is there.
   */
  make(run: TaskRun): void {
    this.#ready.push(run);
    if (this.#ready.length >= this.#many) {
      this.#submit();
      this.#many *= MORE;
    }
    if (this.#isSubmitting) return;
    this.#isSubmitting = true;
    queueMicrotask(() => {
      this.#isSubmitting = false;
      this.#many = MANY;
      this.#submit();
    });
  }

  makeAfter(run: TaskRun, delayMs: number): void {
    const timer = this.#options.clock.after(delayMs, () => {
      this.#waiting.delete(run);
      this.make(run);
    });
    this.#waiting.set(run, timer);
  }

  /** The engine runs it; false when that is no news. */
  started(run: TaskRun, attempt: number): boolean {
    if (run.attempt !== attempt || !run.inEngine || run.runningSince !== undefined) return false;
    run.runningSince = this.#options.clock.now();
    run.fn.running++;
    this.#running.add(run);
    return true;
  }

  /** The engine has it no more; false when it was given up before. */
  ended(run: TaskRun, attempt: number): boolean {
    if (run.attempt !== attempt || !run.inEngine) return false;
    this.#leaveEngine(run);
    return true;
  }

  /** Has the engine end it; false when it runs, and the engine will report its end. */
  cancel(run: TaskRun, graceMs: number): boolean {
    if (!run.inEngine) return true;
    if (!this.#options.engine.cancel(run, graceMs)) return false;
    this.#leaveEngine(run);
    return true;
  }

  /** Gives up the attempt that a run has, if any. */
  giveUp(run: TaskRun): void {
    if (run.inEngine) this.#leaveEngine(run);
    if (this.#waiting.size === 0) return;
    this.#waiting.get(run)?.cancel();
    this.#waiting.delete(run);
  }

  /** None of those of this function that are about to be made is. */
  forget(fn: RunFunction): void {
    this.#ready = this.#ready.filter((run) => run.fn !== fn);
  }

  /** None of those that are about to be made is. */
  clear(): void {
    this.#ready = [];
  }

  #submit(): void {
    const ready = this.#ready;
    if (ready.length === 0) return;
    this.#ready = [];
    for (const run of ready) {
      run.attempt++;
      run.inEngine = true;
      run.fn.submitted++;
    }
    this.#options.engine.submit(ready);
    this.#options.onSubmit?.();
  }

  #leaveEngine(run: TaskRun): void {
    run.inEngine = false;
    run.fn.submitted--;
    if (run.runningSince === undefined) return;
    run.runningSince = undefined;
    run.fn.running--;
    this.#running.delete(run);
  }
}
