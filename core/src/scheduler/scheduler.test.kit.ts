import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { SimulatedClock } from "../base/clock.ts";
import type {
  Engine,
  EngineListener,
  EngineTask,
  FutureLookup,
  Packed,
  TaskFunction,
  TaskReport,
} from "../contracts/engine.ts";
import type { StateName, TaskEvent } from "../contracts/event.ts";
import type { WorkerDeath } from "../contracts/worker-link.ts";
import { EventLog } from "../events/event-log.ts";
import { nodesOf } from "./future.ts";
import { DEFAULT_POLICY, type RunFunction, type TaskPolicy } from "./run-function.ts";
import { Scheduler } from "./scheduler.ts";
import type { TaskRun } from "./task-run.ts";

export const DEATH: WorkerDeath = { reason: "killed by SIGKILL", lastLines: ["the last line"] };

/** An engine that keeps what it is given until a test says what becomes of it. */
export class SimulatedEngine implements Engine {
  readonly needsCode = false;
  /** Ids of the tasks, one list a call of `submit`. */
  readonly submitted: number[][] = [];
  /** What the dependencies of each task were worth when it came, by the task's id. */
  readonly inputs = new Map<number, unknown[]>();
  /** `[id, graceMs]` of the tasks that are to be ended where they run. */
  readonly cancelled: (readonly [number, number])[] = [];
  /** What it has, in the order in which it came. */
  readonly tasks = new Map<EngineTask, { readonly attempt: number; running: boolean }>();
  /** What nobody needs any more. */
  readonly released: unknown[] = [];
  impossible: string | undefined;
  #listener!: EngineListener;

  async start(listener: EngineListener): Promise<void> {
    this.#listener = listener;
  }

  pack<Dependency>(
    args: readonly unknown[],
    _taskName: string,
    lookup: FutureLookup<Dependency>,
  ): Packed<Dependency> {
    const dependencies = args
      .flat()
      .flatMap((arg) => (typeof arg === "object" && arg !== null ? (lookup(arg) ?? []) : []));
    return { payload: args, dependencies };
  }

  submit(tasks: readonly EngineTask[]): void {
    this.submitted.push(tasks.map(({ id }) => id));
    for (const task of tasks) {
      this.tasks.set(task, { attempt: task.attempt, running: false });
      this.inputs.set(
        task.id,
        task.dependencies.map(({ value }) => value),
      );
    }
  }

  cancel(task: EngineTask, graceMs: number): boolean {
    if (this.tasks.get(task)?.running) {
      this.cancelled.push([task.id, graceMs]);
      return false;
    }
    this.tasks.delete(task);
    return true;
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

  release(kept: unknown): void {
    this.released.push(kept);
  }

  gather(values: readonly unknown[]): unknown {
    return [...values];
  }

  whyImpossible(_fn: TaskFunction): string | undefined {
    return this.impossible;
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}

  /** These tasks run now. */
  begin(...tasks: EngineTask[]): void {
    for (const task of tasks) this.tasks.get(task)!.running = true;
    this.#listener.started(tasks.map((task) => ({ task, attempt: task.attempt, worker: "w-1" })));
  }

  succeed(task: EngineTask, value: unknown = `value ${task.id}`, durationMs = 10): void {
    this.report(task, "success", { value, durationMs });
  }

  fail(task: EngineTask, message = `error ${task.id}`): void {
    this.report(task, "failure", { error: new Error(message) });
  }

  lose(task: EngineTask, { started }: Pick<TaskReport, "started">): void {
    this.report(task, "lost", { started, death: DEATH });
  }

  /** The end of the attempt that it has of a task, or of whichever attempt `facts` name. */
  report(task: EngineTask, kind: TaskReport["kind"], facts: Partial<TaskReport> = {}): void {
    const attempt = this.tasks.get(task)?.attempt ?? task.attempt;
    if (facts.attempt === undefined) this.tasks.delete(task);
    const plain = {
      value: undefined,
      error: undefined,
      durationMs: 10,
      started: true,
      death: undefined,
      loss: undefined,
    };
    this.#listener.reported([{ task, attempt, worker: "w-1", kind, ...plain, ...facts }]);
  }
}

/** A scheduler in simulated time, on a simulated engine. */
export class SchedulerRun {
  readonly clock = new SimulatedClock();
  readonly engine = new SimulatedEngine();
  readonly events: TaskEvent[] = [];
  /** Names of the tasks that failed for good, as `onFailure` was told. */
  readonly failures: string[] = [];
  readonly scheduler: Scheduler;

  constructor() {
    const events = new EventLog();
    events.subscribe((event) => {
      if (event.type === "task") this.events.push(event);
    });
    this.scheduler = new Scheduler({
      engine: this.engine,
      clock: this.clock,
      events,
      cancelGraceMs: 5000,
      lookup: nodesOf,
      runName: "the simulated run",
      onFailure: (run) => this.failures.push(run.fn.name),
    });
    void this.engine.start(this.scheduler.listener);
  }

  fn(name = "work", policy: Partial<TaskPolicy> = {}): RunFunction {
    const facts = { name, local: () => undefined, site: undefined };
    const fn = this.scheduler.makeFunction(facts, { ...DEFAULT_POLICY, ...policy });
    this.scheduler.addFunction(fn);
    return fn;
  }

  /** Submits a task of a function of its own. */
  task(name: string, args: readonly unknown[] = [], policy: Partial<TaskPolicy> = {}): TaskRun {
    return this.scheduler.submit(this.fn(name, policy), args);
  }

  /** Lets everything happen that is due now. */
  async settle(): Promise<void> {
    await this.clock.advance(0);
  }

  /** The states that a task went through, as the event log has them. */
  states(run: TaskRun): StateName[] {
    return this.events.filter(({ id }) => id === run.id).map(({ state }) => state);
  }

  /** Ids of the tasks that the engine has now. */
  get inEngine(): number[] {
    return [...this.engine.tasks.keys()].map(({ id }) => id);
  }
}

export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  // What a turn has looked at through a weak reference lives until its end.
  await new Promise(setImmediate);
  (runInNewContext("gc") as () => void)();
}
