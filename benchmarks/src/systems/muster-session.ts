/** Muster, as its users write it: a flow whose tasks are called, mapped and given each other's futures. */
import { type Executor, flow } from "@muster/core";
import type { Input, Output, Session, SessionOptions, SessionSystem, TaskName } from "../system.ts";
import { musterTasks } from "./muster-tasks.ts";

/** A task of any of the signatures; which one it is, the `Session` type says. */
type AnyTask = {
  (input: unknown): PromiseLike<unknown>;
  map(inputs: readonly unknown[]): PromiseLike<unknown[]>;
};

const tasks = musterTasks as unknown as Record<TaskName, AnyTask>;

const session: Session = {
  submit: <N extends TaskName>(name: N, input: Input<N>) => tasks[name](input) as PromiseLike<Output<N>>,
  map: <N extends TaskName>(name: N, inputs: readonly Input<N>[]) =>
    tasks[name].map(inputs) as PromiseLike<Output<N>[]>,
  submitAfter: <N extends TaskName>(name: N, input: unknown) => tasks[name](input) as PromiseLike<Output<N>>,
};

/** A system that is Muster with this executor. Each use is one run of a flow. */
export function musterSystem(createExecutor: (options: SessionOptions) => Executor): SessionSystem {
  return {
    kind: "session",
    missing: async () => undefined,
    use: async <T>(options: SessionOptions, body: (session: Session) => Promise<T>) => {
      const benchmark = flow({ name: "benchmark", executor: createExecutor(options) }, () => body(session));
      const state = await benchmark.run();
      return state.unwrap() as T;
    },
  };
}
