import type { Clock, Timer } from "../base/clock.ts";
import { MusterError, toError } from "../base/errors.ts";
import { contextStorage } from "../context/context.ts";
import { type RunScope, TaskScope } from "../context/task-scope.ts";
import type {
  Engine,
  EngineListener,
  EngineTask,
  FutureLookup,
  Packed,
  TaskReport,
} from "../contracts/engine.ts";
import { NestedFutures } from "../wire/nested.ts";
import { ReadyQueue } from "./ready-queue.ts";

/** The name under which this thread reports: there is no worker. */
const WORKER = "local";

/** What this engine makes of arguments. */
type Arguments = NestedFutures<EngineTask["dependencies"][number]>;

/** Runs each task in this thread, one after another, with the very objects it was given. For debugging. */
export class InlineEngine implements Engine {
  readonly needsCode = false;
  readonly #clock: Clock;
  readonly #scope: Omit<RunScope, "emit" | "workerId">;
  readonly #queue = new ReadyQueue();
  readonly #cancelled = new Map<number, number>();
  #listener!: EngineListener;
  #current: { task: EngineTask; attempt: number; end: (report: TaskReport["kind"]) => void } | undefined;
  #running = false;
  #closed = false;

  constructor(options: { clock: Clock; scope: Omit<RunScope, "emit" | "workerId"> }) {
    this.#clock = options.clock;
    this.#scope = options.scope;
  }

  async start(listener: EngineListener): Promise<void> {
    this.#listener = listener;
  }

  pack<Dependency>(
    args: readonly unknown[],
    _taskName: string,
    lookup: FutureLookup<Dependency>,
  ): Packed<Dependency> {
    const payload = new NestedFutures(args, lookup);
    return { payload, dependencies: payload.futures };
  }

  share(value: unknown): unknown {
    return value;
  }

  unpack(value: unknown): unknown {
    return value;
  }

  keep(value: unknown): unknown {
    return value;
  }

  takeOver(): undefined {
    return undefined;
  }

  release(): void {}

  gather(values: readonly unknown[]): unknown {
    return [...values];
  }

  submit(tasks: readonly EngineTask[]): void {
    for (const task of tasks) this.#queue.push(task);
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => void this.#runAll());
  }

  cancel(task: EngineTask): boolean {
    if (this.#current?.task === task && this.#current.attempt === task.attempt) {
      this.#current.end("cancelled");
      return false;
    }
    this.#cancelled.set(task.id, task.attempt);
    return true;
  }

  whyImpossible(): undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#queue.clear();
    this.#current?.end("cancelled");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #runAll(): Promise<void> {
    for (let task = this.#queue.shift(); task !== undefined && !this.#closed; task = this.#queue.shift()) {
      if (this.#cancelled.get(task.id) === task.attempt) this.#cancelled.delete(task.id);
      else this.#listener.reported([await this.#run(task)]);
    }
    this.#running = false;
  }

  /** Resolves when the task ended, or was given up: this thread cannot end what does not end by itself. */
  #run(task: EngineTask): Promise<TaskReport> {
    const { attempt, fn } = task;
    const args = task.payload as Arguments;
    const scope = new TaskScope(
      { ...this.#scope, workerId: WORKER, emit: (event) => this.#listener.log(event) },
      fn.name,
      task.id,
      attempt,
    );
    const startedAt = this.#clock.now();
    this.#listener.started([{ task, attempt, worker: WORKER }]);
    return new Promise((resolve) => {
      let timer: Timer | undefined;
      let hasEnded = false;
      const end = (kind: TaskReport["kind"], outcome: { value?: unknown; error?: Error } = {}): void => {
        // It was given up, and another one may run.
        if (hasEnded) return;
        hasEnded = true;
        timer?.cancel();
        if (kind === "timeout" || kind === "cancelled") scope.abort(kind);
        this.#current = undefined;
        resolve({
          task,
          attempt,
          worker: WORKER,
          kind,
          value: outcome.value,
          error: outcome.error,
          durationMs: this.#clock.now() - startedAt,
          started: true,
          death: undefined,
          loss: undefined,
        });
      };
      this.#current = { task, attempt, end };
      if (fn.timeoutMs !== undefined) timer = this.#clock.after(fn.timeoutMs, () => end("timeout"));
      const endByItself = (
        kind: "success" | "failure",
        outcome: { value?: unknown; error?: Error },
      ): void => {
        const tookMs = this.#clock.now() - startedAt;
        if (tookMs < (fn.timeoutMs ?? Number.POSITIVE_INFINITY)) end(kind, outcome);
        else end("timeout", { error: overran(tookMs) });
      };
      const call = fn.local as (...values: unknown[]) => unknown;
      contextStorage
        .run(scope, async () => call(...(args.fill(({ value }) => value) as unknown[])))
        .then(
          (value) => endByItself("success", { value }),
          (thrown: unknown) => endByItself("failure", { error: toError(thrown) }),
        );
    });
  }
}

/** A task that keeps this thread busy keeps it from looking at the time. */
function overran(tookMs: number): MusterError {
  return new MusterError(
    "TASK_TIMEOUT",
    `it kept the driver's own thread busy, where nothing can interrupt it, and ended after ${Math.round(tookMs)} ms.`,
  );
}
