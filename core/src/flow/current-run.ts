import { AsyncLocalStorage } from "node:async_hooks";
import { contextStorage } from "../context/context.ts";
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
  // A task that runs in the flow's own thread was begun inside the flow, but it is a task.
  return contextStorage.getStore()?.taskName === undefined ? storage.getStore() : undefined;
}

export function runInside<T>(run: FlowRun, work: () => T): T {
  return storage.run(run, work);
}
