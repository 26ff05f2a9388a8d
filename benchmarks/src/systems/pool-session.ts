import type { Input, Output, Session, TaskName } from "../system.ts";

/** Runs one task on a pool. The pools' own types know nothing of our tasks, so neither does this. */
export type RunTask = (task: TaskName, input: unknown) => PromiseLike<unknown>;

/** What pools without dependencies leave to their user: all at once by `Promise.all`, a chain by awaiting each. */
export function poolSession(run: RunTask): Session {
  const submit = <N extends TaskName>(task: N, input: Input<N>) => run(task, input) as PromiseLike<Output<N>>;
  return {
    submit,
    map: (task, inputs) => Promise.all(inputs.map((input) => submit(task, input))),
    submitAfter: <N extends TaskName>(task: N, input: unknown) => {
      const value = Array.isArray(input) ? Promise.all(input) : Promise.resolve(input);
      return value.then((ready) => run(task, ready)) as Promise<Output<N>>;
    },
  };
}

/** Binary inputs are handed over rather than copied where a pool can do that. */
export function transferListOf(input: unknown): ArrayBuffer[] | undefined {
  return input instanceof Uint8Array ? [input.buffer as ArrayBuffer] : undefined;
}

/** The compiled file of that name beside the systems. */
export function workerFile(name: string): string {
  return new URL(`./${name}.js`, import.meta.url).pathname;
}

export const notMissing = async (): Promise<undefined> => undefined;
