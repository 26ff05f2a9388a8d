import { context, flow, task, unmapped } from "@muster/core";
import { describe, expect, test } from "vitest";
import { EXECUTORS } from "./support/clusters.ts";
import { Recorder } from "./support/events.ts";

const add = task("add", (a: number, b: number) => a + b);
const sum = task("sum", (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0));
const double = task("double", async (n: number) => n * 2);
const range = task("range", (count: number) => Array.from({ length: count }, (_, index) => index));
const scale = task("scale", (n: number, options: { by: number }) => n * options.by);
const collect = task("collect", (structure: unknown) => structure);
const who = task("who", (greeting: string) => {
  context.logger.info("said hello", { greeting });
  context.logger.debug("nobody asked for this");
  const { image, flowName, flowRunId, parameters, taskName, taskRunId, attempt, signal } = context;
  return {
    image,
    flowName,
    flowRunId,
    parameters,
    taskName,
    taskRunId,
    attempt,
    aborted: signal.aborted,
    signal: signal instanceof AbortSignal,
  };
});
const flaky = task({ name: "flaky", retries: 2 }, () => {
  if (context.attempt! < 3) throw new Error(`attempt ${context.attempt}`);
  return context.attempt;
});
const fail = task("fail", (message: string): number => {
  throw new RangeError(message, { cause: new Error("the reason") });
});

describe.each(EXECUTORS)("%s", (_name, executor) => {
  test("runs a diamond of dependencies", async () => {
    const diamond = flow({ name: "diamond", executor: executor() }, (n: number) => {
      const top = double(n);
      const left = add(top, 1);
      const right = add(top, 2);
      return add(left, right);
    });
    expect((await diamond.run({ parameters: 5 })).unwrap()).toBe(23);
  });

  test("maps over a map over a future, and reduces", async () => {
    const mapped = flow({ name: "mapped", executor: executor() }, (count: number) => {
      const doubled = double.map(range(count));
      const scaled = scale.map(doubled, unmapped({ by: 10 }));
      return { total: sum(scaled), scaled, none: double.map([]), noneLater: double.map(range(0)) };
    });
    const scaled = Array.from({ length: 20 }, (_, index) => index * 20);
    expect((await mapped.run({ parameters: 20 })).unwrap()).toEqual({
      total: 3800,
      scaled,
      none: [],
      noneLater: [],
    });
  });

  test("maps over lists, sets, and several of them element by element", async () => {
    const mapped = flow({ name: "several", executor: executor() }, async () => {
      const values = await add.map([1, 2, 3], new Set([10, 20, 30]));
      const futures = add.map([double(1), 2], [3, double(4)]);
      return { values, first: futures[0], all: futures, later: add.map(range(2), [7, 8]) };
    });
    expect((await mapped.run()).unwrap()).toEqual({
      values: [11, 22, 33],
      first: 5,
      all: [5, 10],
      later: [7, 9],
    });
  });

  test("takes futures nested anywhere in arguments and in what the flow returns", async () => {
    const nested = flow({ name: "nested", executor: executor() }, () => {
      const structure = collect({
        list: [double(1), [double(2), { deep: double.map([3, 4]) }]],
        later: double.map(range(3)),
        plain: { text: "as it is", nothing: undefined },
      });
      return { structure, again: [structure], one: { two: { three: double(5) } } };
    });
    const structure = {
      list: [2, [4, { deep: [6, 8] }]],
      later: [0, 2, 4],
      plain: { text: "as it is", nothing: undefined },
    };
    expect((await nested.run()).unwrap()).toEqual({
      structure,
      again: [structure],
      one: { two: { three: 10 } },
    });
  });

  test("lets the flow await futures and go on with their values", async () => {
    const stepwise = flow({ name: "stepwise", executor: executor() }, async () => {
      let total = 0;
      for (let step = 0; step < 5; step++) total = await add(total, step);
      const seen: number[] = [];
      for (const future of await double.map(range(3)).elements()) seen.push(await future);
      return { total, seen };
    });
    expect((await stepwise.run()).unwrap()).toEqual({ total: 10, seen: [0, 2, 4] });
  });

  test("shows a task its context, and tells what it logs", async () => {
    const recorder = new Recorder();
    const asking = flow({ name: "asking", executor: executor() }, (_parameters: { level: number }) => [
      who("hello"),
      who("again"),
    ]);
    const state = await asking.run({
      parameters: { level: 3 },
      context: { image: "an/image:1" },
      onEvent: recorder.onEvent,
    });
    const { flowRunId } = recorder;
    const seen = {
      image: "an/image:1",
      flowName: "asking",
      flowRunId,
      parameters: { level: 3 },
      taskName: "who",
      attempt: 1,
      aborted: false,
      signal: true,
    };
    expect(state.unwrap()).toEqual([
      { ...seen, taskRunId: `${flowRunId}-1` },
      { ...seen, taskRunId: `${flowRunId}-2` },
    ]);
    const logs = recorder
      .taskLogs()
      .map(({ level, message, task, data }) => ({ level, message, task, data }));
    // Two workers may be heard in either order.
    expect(logs).toHaveLength(2);
    for (const greeting of ["hello", "again"]) {
      expect(logs).toContainEqual({ level: "info", message: "said hello", task: "who", data: { greeting } });
    }
  });

  test("shows the flow's own function its context", async () => {
    const recorder = new Recorder();
    const asking = flow({ name: "self-aware", executor: executor() }, (_parameters: { a: number }) => {
      context.logger.warn("from the flow");
      const { flowName, flowRunId, parameters, taskName, attempt } = context;
      return { flowName, flowRunId, parameters, taskName, attempt };
    });
    const state = await asking.run({ parameters: { a: 1 }, onEvent: recorder.onEvent });
    expect(state.unwrap()).toEqual({
      flowName: "self-aware",
      flowRunId: recorder.flowRunId,
      parameters: { a: 1 },
      taskName: undefined,
      attempt: undefined,
    });
    expect(recorder.of("log").map(({ level, message }) => [level, message])).toEqual([
      ["warn", "from the flow"],
    ]);
  });

  test("tries a task again, and tells each state once", async () => {
    const recorder = new Recorder();
    const trying = flow({ name: "trying", executor: executor() }, () => flaky());
    const state = await trying.run({ onEvent: recorder.onEvent });
    expect(state.unwrap()).toBe(3);
    const states = recorder.states("flaky").filter((name) => name !== "Running");
    expect(states).toEqual(["Pending", "Retrying", "Retrying", "Success"]);
  });

  test("takes options for one call of a task alone", async () => {
    await using running = await executor().start();
    const [own, none] = [
      running.submit(flaky, []),
      running.submit(flaky, [], { retries: 1, workerLostRetries: 0 }),
    ];
    const ends = await Promise.allSettled([own, none, running.submit(flaky, [], { priority: 1 })]);
    expect(ends).toMatchObject([{ value: 3 }, { reason: { message: "attempt 2" } }, { value: 3 }]);
  });

  test("tells a failed task's own error, and what depended on it did not run", async () => {
    const recorder = new Recorder();
    const failing = flow({ name: "failing", executor: executor() }, async () => {
      const bad = fail("out of range");
      const after = add(bad, 1);
      const errors = await Promise.allSettled([bad, after, sum([after])]);
      return errors.map((each) => (each as PromiseRejectedResult).reason.message as string);
    });
    const state = await failing.run({ onEvent: recorder.onEvent });
    expect(state.unwrap()).toEqual([
      "out of range",
      'Task "add" did not run, since "fail" did not succeed.',
      'Task "sum" did not run, since "add" did not succeed.',
    ]);
    expect(recorder.states("add").at(-1)).toBe("UpstreamFailed");
  });
});

test("outside of a flow, a task is the function that it was made of", () => {
  expect(add(1, 2)).toBe(3);
});
