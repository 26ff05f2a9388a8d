import { AsyncLocalStorage } from "node:async_hooks";
import type { TaskFuture } from "../scheduler/future.ts";
import type { TaskFacts } from "../scheduler/task-facts.ts";

/** What a call of a task inside a flow goes to. */
export interface FlowRun {
  call(task: TaskFacts, args: readonly unknown[]): TaskFuture<unknown>;
  map(task: TaskFacts, args: readonly unknown[]): PromiseLike<unknown[]>;
}

/** Both copies of this module, if there are two in one process, share one storage. */
const KEY = Symbol.for("muster.flow-run/1");
const holder = globalThis as { [KEY]?: AsyncLocalStorage<FlowRun> };
holder[KEY] ??= new AsyncLocalStorage<FlowRun>();
const storage: AsyncLocalStorage<FlowRun> = holder[KEY];

/** The run of the flow whose function is running; undefined outside of every flow, and inside tasks. */
export function currentRun(): FlowRun | undefined {
  return storage.getStore();
}

export function runInside<T>(run: FlowRun, work: () => T): T {
  return storage.run(run, work);
}
