import { context, flow, LocalPoolExecutor, TemporaryClusterExecutor, task } from "@muster/core";
import { expect, test } from "vitest";
import { engineKwargs } from "./engines.ts";
import { UserCluster } from "./fixtures/user-cluster.ts";
import { localWorkers } from "./support/clusters.ts";
import { Recorder } from "./support/events.ts";

/** How many of these run at once in this thread: all of a module's variables are the thread's own. */
let here = 0;
let most = 0;
const meet = task("meet", async (ms: number) => {
  here++;
  most = Math.max(most, here);
  await new Promise((resolve) => setTimeout(resolve, ms));
  here--;
  return most;
});
const stuck = task({ name: "stuck", timeout: 50 }, () => new Promise<never>(() => {}));
const innocent = task({ name: "innocent", workerLostRetries: 0 }, async (ms: number) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return context.attempt;
});

test("one thread runs tasksPerThread tasks at once, and never more", async () => {
  const executor = localWorkers({ workers: 1, tasksPerThread: 5 });
  const waiting = flow({ name: "waiting", executor }, () => meet.map(Array.from({ length: 20 }, () => 50)));
  expect(Math.max(...(await waiting.run()).unwrap())).toBe(5);
});

test("without it, a thread runs one task at a time", async () => {
  const alone = flow({ name: "alone", executor: localWorkers({ workers: 1 }) }, () =>
    meet.map([10, 10, 10, 10]),
  );
  expect(Math.max(...(await alone.run()).unwrap())).toBe(1);
});

test("a task that shares its thread with one that is ended by force runs again, at no cost of its own", async () => {
  const recorder = new Recorder();
  const executor = localWorkers({ workers: 1, tasksPerThread: 2 }, { cancelGraceMs: 50 });
  const shared = flow({ name: "shared", executor }, async () => {
    const neighbour = innocent(400);
    const code = await stuck().then(
      () => "none",
      (error) => (error as { code: string }).code,
    );
    return [code, await neighbour];
  });
  expect((await shared.run({ onEvent: recorder.onEvent })).unwrap()).toEqual(["TASK_TIMEOUT", 2]);
  expect(recorder.lostWorkers()).toEqual([]);
});

test("what tasks print and log is told with the worker that it comes from", async () => {
  const recorder = new Recorder();
  const running = await localWorkers({ workers: 1 }).start();
  await running.close();
  const told = flow({ name: "told", executor: localWorkers({ workers: 1 }) }, () => says("a word"));
  await told.run({ onEvent: recorder.onEvent });
  const printed = await recorder.first("log", (event) => event.message === "printed a word");
  const logged = await recorder.first("log", (event) => event.message === "logged a word");
  expect(printed).toMatchObject({ level: "info", worker: "w-1" });
  expect(logged).toMatchObject({ level: "error", worker: "w-1", task: "says", data: { n: 1 } });
});
const says = task("says", (what: string) => {
  console.log(`printed ${what}`);
  context.logger.error(`logged ${what}`, { n: 1 });
  context.logger.debug("for those who look for errors in it");
});

test("debug: true lets everything be heard", async () => {
  const recorder = new Recorder();
  const executor = new TemporaryClusterExecutor({
    clusterKwargs: { workers: 1, ...engineKwargs },
    debug: true,
  });
  await flow({ name: "debugging", executor }, () => says("it")).run({ onEvent: recorder.onEvent });
  expect(recorder.taskLogs().map(({ level }) => level)).toEqual(
    expect.arrayContaining(["info", "error", "debug"]),
  );
  const messages = recorder.of("log").map(({ message }) => message);
  expect(messages).toContainEqual(expect.stringMatching(/^worker w-1: ready after \d+ ms$/));
  expect(messages).toContainEqual(expect.stringMatching(/^cluster local: closed after \d+ ms$/));
});

test("parameters that cannot travel are the flow's own; its tasks see none", async () => {
  const parameters = { callback: (n: number) => n + 1 };
  const executor = localWorkers({ workers: 1 });
  const own = flow({ name: "own", executor }, async (given: typeof parameters) => [
    given.callback(1),
    await seen(),
  ]);
  expect((await own.run({ parameters })).unwrap()).toEqual([2, undefined]);
});
const seen = task("seen", () => context.parameters);

test("a flow may run another flow, each with a cluster of its own", async () => {
  const inner = flow(
    { name: "inner", executor: new LocalPoolExecutor({ numWorkers: 1 }) },
    async (n: number) => [context.flowName, await twice(n)],
  );
  const outer = flow({ name: "outer", executor: localWorkers({ workers: 1 }) }, async () => {
    const state = await inner.run({ parameters: 4 });
    return [...state.unwrap(), context.flowName, await twice(5)];
  });
  expect((await outer.run()).unwrap()).toEqual(["inner", 8, "outer", 10]);
});
const twice = task("twice", (n: number) => n * 2);
const thrice = task("thrice", async (n: number) => (await twice(n)) + n);

test.each([
  ["a constructor", UserCluster],
  ["a factory", ({ workers }: { workers: number }) => new UserCluster({ workers })],
  ["a factory that takes its time", async () => new UserCluster({ workers: 2 })],
])("clusterClass is %s", async (_what, clusterClass) => {
  const executor = new TemporaryClusterExecutor({ clusterClass, clusterKwargs: { workers: 2 } });
  // A task that calls another calls its function.
  expect((await flow({ name: "any", executor }, () => thrice.map([1, 2])).run()).unwrap()).toEqual([3, 6]);
});
