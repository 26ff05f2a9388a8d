/** Muster, as its users write it: a flow whose tasks are called, mapped and given each other's futures. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
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
  storedBytes,
};

/** Where large values are files of a directory that has the driver's process id in its name. */
const MEMORY = "/dev/shm";

function storedBytes(): number {
  let bytes = 0;
  for (const name of readdirSync(MEMORY)) {
    if (!name.startsWith(`muster-run-${process.pid}-`)) continue;
    for (const file of readdirSync(join(MEMORY, name))) {
      // One that has gone meanwhile takes nothing.
      bytes += statSync(join(MEMORY, name, file), { throwIfNoEntry: false })?.size ?? 0;
    }
  }
  return bytes;
}

/** A system that is Muster with this executor. Each use is one run of a flow. */
export function musterSystem(createExecutor: (options: SessionOptions) => Executor): SessionSystem {
  return {
    kind: "session",
    storesResults: true,
    missing: async () => undefined,
    use: async <T>(options: SessionOptions, body: (session: Session) => Promise<T>) => {
      const benchmark = flow({ name: "benchmark", executor: createExecutor(options) }, () => body(session));
      const state = await benchmark.run();
      return state.unwrap() as T;
    },
  };
}
