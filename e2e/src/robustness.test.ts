import { setTimeout as delay } from "node:timers/promises";
import { context, flow, LocalExecutor, LocalPoolExecutor, State, task } from "@muster/core";
import { expect, test } from "vitest";
import { engineKwargs } from "./engines.ts";
import { Child } from "./support/child.ts";
import { EXECUTORS, localWorkers } from "./support/clusters.ts";
import { Recorder } from "./support/events.ts";
import { Project } from "./support/project.ts";

const increment = task("increment", (value: number) => value + 1);
const twice = task("twice", async (value: number) => 2 * ((await increment(value)) as number));
const prints = task("prints", (lines: number) => {
  for (let line = 0; line < lines; line++) console.log(`line ${line}`);
});
const waitsAtMost = task({ name: "waits-at-most", timeout: 300 }, async (ms: number) => delay(ms, ms));
const text = task("text", (length: number) => "x".repeat(length));
const sizes = task("sizes", (count: number, size: number) => new Array<number>(count).fill(size));
const lengthOf = task("length-of", (texts: string[]) => texts.reduce((sum, one) => sum + one.length, 0));
const logsOddly = task("logs-oddly", () => {
  const logger = context.logger as unknown as Record<"info", (...args: unknown[]) => void>;
  logger.info(new Error("an error as a message"));
  logger.info("a list as data", [1, 2]);
  logger.info("what no message can carry", { big: 2n ** 80n, call: () => 1, self: globalThis });
  return "done";
});

test.each(EXECUTORS)("a task may call a task, which is then a function: %s", async (_name, makeExecutor) => {
  const state = await flow({ name: "nested", executor: makeExecutor() }, () => twice(3)).run();
  expect(state.unwrap()).toBe(8);
});

test("what a task prints arrives, also when the run ends with it", async () => {
  const recorder = new Recorder();
  await flow({ name: "printing", executor: localWorkers({ workers: 1 }) }, () => prints(5000)).run({
    onEvent: recorder.onEvent,
  });
  const lines = recorder.of("log").filter(({ message }) => message.startsWith("line "));
  expect(lines).toHaveLength(5000);
  expect(lines.at(-1)?.message).toBe("line 4999");
});

test.each([["local", new LocalExecutor()] as const, ["cluster", localWorkers()] as const])(
  "a cancelled run ends although its function waits for what never comes: %s",
  async (_name, executor) => {
    const aborting = new AbortController();
    const running = flow({ name: "deaf", executor }, async () => {
      await increment(1);
      aborting.abort();
      await new Promise(() => {});
    }).run({ signal: aborting.signal });
    expect((await running).name).toBe("Cancelled");
  },
);

test("a cancelled run ends although its function goes on submitting", async () => {
  const aborting = new AbortController();
  const running = flow({ name: "stubborn", executor: new LocalPoolExecutor({ numWorkers: 1 }) }, async () => {
    for (;;) {
      try {
        await increment(1);
        aborting.abort();
      } catch {}
    }
  }).run({ signal: aborting.signal });
  expect((await running).name).toBe("Cancelled");
});

test("whatever a task logs costs neither the task nor its worker", async () => {
  const recorder = new Recorder();
  const state = await flow({ name: "odd", executor: localWorkers({ workers: 1 }) }, () => logsOddly()).run({
    onEvent: recorder.onEvent,
  });
  expect(state.unwrap()).toBe("done");
  expect(recorder.lostWorkers()).toEqual([]);
  const [error, list, odd] = recorder.taskLogs();
  expect(error?.message).toContain("an error as a message");
  expect(list?.data).toEqual({ value: [1, 2] });
  expect(odd?.data).toMatchObject({ big: "1208925819614629174706176n" });
});

test("code that ends its thread while it is imported fails its tasks, and says so", async () => {
  await using project = await Project.make({
    "flow.ts": `
      import { flow, task, TemporaryClusterExecutor } from "@muster/core";
      import { isMainThread } from "node:worker_threads";
      if (!isMainThread) process.exit(7);
      const never = task("never", () => 1);
      export default flow({ name: "exits", executor: new TemporaryClusterExecutor({ clusterKwargs: ${JSON.stringify({ workers: 1, ...engineKwargs })} }) }, () => never());
    `,
  });
  await using child = Child.muster(["run", project.path("flow.ts")], { cwd: project.directory });
  const { exitCode, stderr } = await child.ended;
  expect(exitCode).toBe(1);
  expect(stderr).toContain("Importing the flow's code on a worker ended its thread");
  expect(stderr).toContain("process.exit(7)");
});

test("a long task beside many short ones on one thread is still known, and its timeout holds", async () => {
  const executor = localWorkers({ workers: 1, tasksPerThread: 2 });
  const state = await flow({ name: "beside", executor }, async () => {
    const long = waitsAtMost(60_000).then(
      () => undefined,
      (error: unknown) => (error as { code?: string }).code,
    );
    for (let round = 0; round < 10; round++) await increment.map(Array.from({ length: 2000 }, (_, n) => n));
    return await long;
  }).run();
  expect(state.unwrap()).toBe("TASK_TIMEOUT");
});

test("a listener of events that throws is left out, and the run goes on", async () => {
  let heard = 0;
  const state = await flow({ name: "throwing", executor: localWorkers() }, () =>
    increment.map([1, 2, 3]),
  ).run({
    onEvent() {
      if (++heard === 3) throw new Error("no more");
    },
  });
  expect(state.unwrap()).toEqual([2, 3, 4]);
  expect(heard).toBe(3);
});

test("a list of more bytes than a message may have can be reduced", async () => {
  const executor = localWorkers();
  const state = await flow({ name: "wide", executor }, () => {
    const texts = text.map(sizes(1500, 50_000));
    return lengthOf(texts);
  }).run();
  expect(state.unwrap()).toBe(1500 * 50_000);
});

test("futures of an executor that is closed do not stay open", async () => {
  const running = await new LocalPoolExecutor({ numWorkers: 1 }).start();
  const future = running.submit(() => new Promise<number>(() => {}), []);
  const ended = expect(future).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  await running.close();
  await ended;
});

test("a terminalStateHandler that throws fails the run, with its error", async () => {
  const handled = flow(
    {
      name: "handled",
      terminalStateHandler() {
        throw new Error("from the handler");
      },
    },
    () => increment(1),
  );
  const state = await handled.run();
  expect(state).toBeInstanceOf(State);
  expect(state.name).toBe("Failed");
  expect(state.message).toContain("from the handler");
});

test("a task can be given to submit as well as a function", async () => {
  await using running = await new LocalPoolExecutor({ numWorkers: 1 }).start();
  expect(await running.submit(increment, [1])).toBe(2);
  expect(await running.submit((a: number, b: number) => a * b, [6, 7])).toBe(42);
});
