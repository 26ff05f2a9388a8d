import {
  DeadlineError,
  flow,
  type RunningExecutor,
  TemporaryClusterExecutor,
  task,
  workerFile,
} from "@muster/core";
import { expect, test } from "vitest";
import { localWorkers } from "./support/clusters.ts";
import { Recorder } from "./support/events.ts";
import { processesWith, until } from "./support/left-behind.ts";
import { LogFile } from "./support/log-file.ts";

const log = async (file: string, word: number | string, ms: number): Promise<void> => {
  const { appendFileSync } = await import("node:fs");
  appendFileSync(file, `${word} `);
  await new Promise((resolve) => setTimeout(resolve, ms));
};

/** As many tasks at once, each of which writes its number when it starts. */
function submit(running: RunningExecutor, file: string, options: { count: number; ms: number }) {
  return Array.from({ length: options.count }, (_, n) => running.submit(log, [file, n, options.ms]));
}

test("scaling down from 4 to 1 in the middle of it starts no task twice", async () => {
  await using file = await LogFile.make();
  await using running = await localWorkers({ workers: 4 }).start();
  const cluster = running.cluster!;
  await cluster.waitForWorkers(4);
  const tasks = submit(running, file.path, { count: 100, ms: 20 });
  await until(() => file.words().length > 20);
  cluster.scale(1);
  await running.wait(tasks);
  const started = file.words().map(Number);
  expect(started.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  await until(() => cluster.workers.length === 1);
});

test("scaling down and up again in the middle of short tasks starts none twice", async () => {
  await using file = await LogFile.make();
  await using running = await localWorkers({ workers: 3 }).start();
  const cluster = running.cluster!;
  await cluster.waitForWorkers(3);
  const tasks = submit(running, file.path, { count: 3000, ms: 0 });
  for (const [words, workers] of [
    [200, 1],
    [800, 3],
    [1500, 2],
    [2200, 1],
  ] as const) {
    await until(() => file.words().length > words);
    cluster.scale(workers);
  }
  await running.wait(tasks);
  const started = file.words().map(Number);
  expect(new Set(started).size).toBe(3000);
  expect(started).toHaveLength(3000);
});

test("a worker that gets SIGTERM finishes what it runs, and nothing runs twice", async () => {
  await using file = await LogFile.make();
  await using running = await localWorkers({ workers: 2 }).start();
  const cluster = running.cluster!;
  await cluster.waitForWorkers(2);
  const tasks = submit(running, file.path, { count: 60, ms: 20 });
  await until(() => file.words().length > 10);
  process.kill(cluster.workers[0]!.pid!, "SIGTERM");
  await running.wait(tasks);
  expect(
    file
      .words()
      .map(Number)
      .toSorted((a, b) => a - b),
  ).toEqual(Array.from({ length: 60 }, (_, n) => n));
});

const brief = task("brief", async (ms: number) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return process.pid;
});

test("adaptive with a minimum of 0 comes from none to the maximum and back to none", async () => {
  const recorder = new Recorder();
  const executor = new TemporaryClusterExecutor({
    adaptKwargs: { minimum: 0, maximum: 3, targetDurationMs: 100, intervalMs: 50, downDelayMs: 100 },
  });
  const adaptive = flow({ name: "adaptive", executor }, async () => {
    const pids = await brief.map(Array.from({ length: 60 }, () => 50));
    // The flow goes on for a while without any tasks: nobody is needed.
    await recorder.first("scaling", (event) => event.to === 0);
    return { workers: new Set(pids).size, after: await brief(1) };
  });
  const state = await adaptive.run({ onEvent: recorder.onEvent });
  expect(state.unwrap().workers).toBe(3);
  const wanted = recorder.of("scaling").map((event) => event.to);
  expect(Math.max(...wanted)).toBe(3);
  expect(recorder.of("scaling").every((event) => event.reason !== "")).toBe(true);
  expect(recorder.lostWorkers()).toEqual([]);
});

test("waitForWorkers waits, and says at its deadline how many there are and why not more", async () => {
  const executor = localWorkers({
    workers: 2,
    // The second one never gets to its program.
    command: ({ id }) =>
      id.endsWith("1")
        ? [process.execPath, "-e", "setInterval(() => {}, 1000)"]
        : [process.execPath, workerFile()],
  });
  await using running = await executor.start();
  const cluster = running.cluster!;
  await cluster.waitForWorkers(1);
  const waiting = cluster.waitForWorkers(2, { timeoutMs: 200 });
  await expect(waiting).rejects.toThrow(DeadlineError);
  await expect(waiting).rejects.toThrow(
    /^1 of 2 workers were ready after 200 ms: .* has been (booting|launching) for/,
  );
  await expect(cluster.waitForWorkers(2, { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: "CANCELLED",
  });
  await expect(cluster.waitForWorkers(3)).rejects.toThrow(/would wait for ever/);
});

test("a worker that dies is replaced, and its output can still be read", async () => {
  await using running = await localWorkers({ workers: 1 }).start();
  const cluster = running.cluster!;
  const says = (text: string) => {
    console.log(text);
    return process.pid;
  };
  const pid = await running.submit(says, ["these were its last words"]);
  const { id } = cluster.workers[0]!;
  process.kill(pid, "SIGKILL");
  const second = await running.submit(says, ["and these are another's"]);
  expect(second).not.toBe(pid);
  await until(() => !cluster.workers.some((worker) => worker.id === id));
  const lines: string[] = [];
  for await (const line of cluster.logs(id)) lines.push(line);
  expect(lines).toEqual(["these were its last words"]);
  expect(() => cluster.logs("w-nobody")).toThrow(/knows no worker "w-nobody"/);
});

test("closing twice gives one report, and after it there is nothing", async () => {
  const recorder = new Recorder();
  const running = await localWorkers({ workers: 2 }).start();
  const cluster = running.cluster!;
  await cluster.waitForWorkers(2);
  const pids = cluster.workers.map((worker) => worker.pid!);
  const happened: string[] = [];
  const listening = (async () => {
    for await (const event of cluster.events)
      happened.push(`${event.type} ${"state" in event ? event.state : ""}`);
  })();
  const [one, two] = await Promise.all([cluster.close(), cluster.close({ graceMs: 0 })]);
  expect(one).toBe(two);
  expect(one.leftovers).toEqual([]);
  await listening;
  expect(happened.at(-1)).toBe("cluster closed");
  expect(pids.filter((pid) => processesWith("MUSTER_WORKER_ID").includes(pid))).toEqual([]);
  await expect(cluster.waitForWorkers(1)).rejects.toMatchObject({ code: "CLOSED" });
  expect(() => cluster.scale(1)).toThrow(/closed/);
  await running.close();
  await running.close();
  expect(recorder.events).toEqual([]);
});

test("tasks whose cluster is closed under them end, those that run, those that wait and those that still come", async () => {
  await using running = await localWorkers({ workers: 1 }).start();
  const forever = () => new Promise<never>(() => setInterval(() => {}, 1000));
  const waiting = [running.submit(forever, []), running.submit(forever, [])];
  await running.cluster!.waitForWorkers(1);
  await running.cluster!.close({ graceMs: 0 });
  const late = running.submit(forever, []);
  for (const future of [...waiting, late])
    await expect(future).rejects.toMatchObject({
      code: "TASK_CANCELLED",
      message: 'Task "forever" was cancelled: the cluster was closed',
    });
});
