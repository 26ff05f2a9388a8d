import { expect, test } from "vitest";
import { InvalidOptionError } from "../base/errors.ts";
import { delay, withDeadline } from "../base/wait.ts";
import { Cluster } from "../cluster/cluster.ts";
import { LocalExecutor, LocalPoolExecutor, TemporaryClusterExecutor } from "../executor/index.ts";
import { exponential } from "../scheduler/retry.ts";
import { context, flow, State, task } from "./index.ts";

const nothing = flow("nothing", () => 1);
const attempt = task("attempt", (fails: number): number => {
  if (context.attempt! <= fails) throw new Error(`attempt ${context.attempt}`);
  return context.attempt!;
});

/** As a program that is not type-checked calls it. */
const call = (make: (untyped: never) => unknown, options: unknown) => make(options as never);

test.each<readonly [what: string, made: () => unknown, problem: string]>([
  [
    "a task's",
    () => call((o) => task(o, () => 1), { name: "a", max_retries: 3 }),
    'Task "a" has no option "max_retries": did you mean "retries"?',
  ],
  [
    "a flow's",
    () => call((o) => flow(o, () => 1), { name: "a", executer: 1 }),
    'Flow "a" has no option "executer": did you mean "executor"?',
  ],
  [
    "a flow's executor",
    () => call((o) => flow(o, () => 1), { name: "a", executor: LocalExecutor }),
    'Flow "a": executor is no executor. It is a class: make one with `new`.',
  ],
  [
    "a LocalExecutor's",
    () => call((o) => new LocalExecutor(o), { numWorkers: 2 }),
    'LocalExecutor has no option "numWorkers". It takes none.',
  ],
  [
    "a pool's",
    () => call((o) => new LocalPoolExecutor(o), { workers: 2 }),
    'LocalPoolExecutor has no option "workers": did you mean "numWorkers"?',
  ],
  [
    "a pool's number",
    () => call((o) => new LocalPoolExecutor(o), { cancelGraceMs: "5" }),
    'cancelGraceMs must be a number of at least 0, but it is "5".',
  ],
  [
    "an executor's",
    () => call((o) => new TemporaryClusterExecutor(o), { cluster_kwargs: {} }),
    'TemporaryClusterExecutor has no option "cluster_kwargs": did you mean "clusterKwargs"?',
  ],
  [
    "a client's",
    () => call((o) => new TemporaryClusterExecutor(o), { clientKwargs: { heartbeat: 1 } }),
    'clientKwargs has no option "heartbeat": did you mean "heartbeatMs"?',
  ],
  [
    "a client's number",
    () => call((o) => new TemporaryClusterExecutor(o), { clientKwargs: { heartbeatMs: Number.NaN } }),
    "clientKwargs.heartbeatMs must be a number",
  ],
  [
    "a back-off's",
    () => call((o) => exponential(o), { inital: 1 }),
    'exponential() has no option "inital": did you mean "initial"?',
  ],
  [
    "a back-off's number",
    () => call((o) => exponential(o), { initial: "1" }),
    'initial must be a number of at least 0, but it is "1".',
  ],
  [
    "a task's timeout",
    () => call((o) => task(o, () => 1), { name: "a", timeout: "300" }),
    'Task "a": timeout is 300',
  ],
  [
    "a task's resources",
    () => call((o) => task(o, () => 1), { name: "a", resources: { GPU: "1" } }),
    'Task "a": resources asks for 1 of GPU',
  ],
  ["a task's name", () => call((o) => task(o, () => 1), { name: 5 }), "name must be a text, but it is 5."],
  [
    "a flow's failFast",
    () => call((o) => flow(o, () => 1), { name: "a", failFast: "false" }),
    'failFast must be true or false, but it is "false".',
  ],
  [
    "an executor's debug",
    () => call((o) => new TemporaryClusterExecutor(o), { debug: 1 }),
    "debug must be true or false, but it is 1.",
  ],
])("%s options are refused where they say nothing: %#", (_what, made, problem) => {
  expect(made).toThrow(InvalidOptionError);
  expect(made).toThrow(problem);
});

test.each<readonly [options: unknown, problem: string]>([
  [{ paramters: 1 }, 'Flow "nothing".run() has no option "paramters": did you mean "parameters"?'],
  [{ context: { imge: "a" } }, 'context has no option "imge": did you mean "image"?'],
  [{ logLevel: "verbose" }, "logLevel must be one of debug, info, warn, error."],
  [{ onEvent: "print" }, "onEvent must be a function."],
  [{ signal: true }, "signal must be an AbortSignal."],
  [{ handleSignals: "no" }, 'handleSignals must be true or false, but it is "no".'],
  [{ context: { image: 5 } }, "context.image must be a text, but it is 5."],
  ["a.txt", "takes options as an object"],
])("a run with %o is refused", async (options, problem) => {
  await expect(nothing.run(options as never)).rejects.toThrow(InvalidOptionError);
  await expect(nothing.run(options as never)).rejects.toThrow(problem);
});

test("an executor that is none is refused, however it came to be there", async () => {
  const odd = flow("odd", () => 1);
  odd.executor = LocalPoolExecutor as never;
  await expect(odd.run()).rejects.toThrow(
    'Flow "odd": executor is no executor. It is a class: make one with `new`.',
  );
});

test.each([Number.NaN, -1, "5"])("a wait of %s ms is refused", async (ms) => {
  await expect(delay(ms as number)).rejects.toThrow("delayMs must be a number");
  await expect(withDeadline(Promise.resolve(), "It", { timeoutMs: ms as number })).rejects.toThrow(
    "timeoutMs must be",
  );
});

test("what is given to a start, a submission, a cancel and a close is looked at", async () => {
  await expect(new LocalExecutor().start({ paramters: 1 } as never)).rejects.toThrow(
    'did you mean "parameters"?',
  );
  await using running = await new LocalExecutor().start();
  const submit = (options: object) => () => running.submit(attempt, [0], options);
  expect(submit({ retry: 1 })).toThrow('Task "attempt" has no option "retry": did you mean "retries"?');
  expect(submit({ name: "other" })).toThrow('Task "attempt" cannot be submitted as "other"');
  expect(() => running.submit(() => 1, [], { timeout: -1 })).toThrow('Task "anonymous": timeout is -1');
  expect(() => running.cancel("enough", { graceMs: Number.NaN })).toThrow("graceMs must be a number");
  expect(() => running.close({ grace: 1 } as never)).toThrow(
    'close() has no option "grace": did you mean "graceMs"?',
  );
});

test("a task is submitted with options of this call, and keeps those of its own", async () => {
  const twice = task({ name: "twice", retries: 1 }, attempt.fn);
  await using running = await new LocalExecutor().start();
  const ends = await Promise.allSettled([
    running.submit(twice, [1]),
    running.submit(twice, [2]),
    running.submit(twice, [2], { retries: 2 }),
    running.submit(twice, [1], { priority: 1 }),
    running.submit(twice, [1], { retries: 0 }),
    running.submit(attempt, [3], { retries: 3, retryDelay: () => 0 }),
  ]);
  expect(ends.map((end) => (end.status === "fulfilled" ? end.value : "failed"))).toEqual([
    2,
    "failed",
    3,
    2,
    "failed",
    4,
  ]);
});

test("what is done to kwargs after they were given has no effect", async () => {
  const seen: unknown[] = [];
  class Login {}
  const login = new Login();
  const kwargs = { workers: 1, env: { A: "1" }, login };
  const executor = new TemporaryClusterExecutor({
    clusterClass: (given: typeof kwargs): Cluster => {
      seen.push(structuredClone({ ...given, login: given.login === login }));
      given.env.A = "of the factory";
      throw new Error("that is all");
    },
    clusterKwargs: kwargs,
  });
  kwargs.workers = 9;
  kwargs.env.A = "2";
  for (let run = 0; run < 2; run++) await expect(executor.start()).rejects.toThrow("that is all");
  expect(seen).toEqual([1, 2].map(() => ({ workers: 1, env: { A: "1" }, login: true })));
});

test.each([
  [undefined, "Success", ""],
  [null, "Success", ""],
  [new State("Cancelled", { message: "enough" }), "Cancelled", "enough"],
  [5, "Failed", "The flow's terminalStateHandler returned 5, which is no State. Return one, or nothing."],
  ["Failed", "Failed", "returned 'Failed', which is no State."],
  [{ name: "Success" }, "Failed", "returned { name: 'Success' }, which is no State."],
])("a terminalStateHandler that returns %o", async (returned, name, message) => {
  const handled = flow({ name: "handled", terminalStateHandler: () => returned as never }, () => 1);
  const state = await handled.run();
  expect(state).toBeInstanceOf(State);
  expect(state.name).toBe(name);
  expect(state.message).toContain(message);
});

test.each([-1, "1", Number.NaN, Number.POSITIVE_INFINITY, 1.5, null, undefined])(
  "%s workers can neither be waited for nor be asked for",
  async (workers) => {
    const provider = { name: "none", launch: () => Promise.resolve([]) };
    const cluster = new Cluster({ provider: provider as never });
    await expect(cluster.waitForWorkers(workers as number)).rejects.toThrow("workers must be a whole number");
    expect(() => cluster.scale(workers as number)).toThrow("workers must be a whole number");
    await expect(cluster.waitForWorkers(1, { timeoutMs: Number.NaN })).rejects.toThrow(
      "timeoutMs must be a number",
    );
    await expect(cluster.waitForWorkers(1, { timeout: 1 } as never)).rejects.toThrow(
      'did you mean "timeoutMs"?',
    );
    expect(() => cluster.close({ graceMs: "1" as never })).toThrow("graceMs must be a number");
  },
);
