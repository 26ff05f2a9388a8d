import { setTimeout as delay } from "node:timers/promises";
import { context, flow, task } from "@muster/core";
import { expect, test } from "vitest";
import { Child } from "./support/child.ts";
import { Recorder } from "./support/events.ts";
import { LogFile } from "./support/log-file.ts";
import { PoolServer } from "./support/pool.ts";

/** What a task gives of itself. */
interface Ran {
  readonly at: number;
  readonly attempt: number | undefined;
  readonly pid: number;
}

const work = task("work", async (ms: number): Promise<Ran> => {
  const at = Date.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  return { at, attempt: context.attempt, pid: process.pid };
});
const onGpu = task({ name: "on-gpu", resources: { GPU: 1 } }, async (ms: number): Promise<Ran> => {
  const at = Date.now();
  await new Promise((resolve) => setTimeout(resolve, ms));
  return { at, attempt: context.attempt, pid: process.pid };
});
const says = task("says", (word: string) => {
  console.log(`it says ${word}`);
  process.stdout.write("without an end");
  return word.length;
});
const forEver = task("for-ever", () => {
  console.log("for ever");
  return new Promise<never>(() => setInterval(() => {}, 1000));
});
const large = task("large", (bytes: number) => new Uint8Array(bytes).fill(7));
const sizeOf = task("size-of", (bytes: Uint8Array) => bytes.byteLength + bytes[0]!);
const dies = task({ name: "dies", workerLostRetries: 0 }, async (how: string) => {
  if (how === "exits") process.exit(3);
  if (how === "is killed") process.kill(process.pid, "SIGKILL");
  const kept: unknown[] = [];
  for (;;) kept.push(new Array(1_000_000).fill(kept.length));
});

const many = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);

test("a flow runs on workers that were there before, is told what its tasks print, and leaves nothing in the server", async () => {
  await using server = await PoolServer.start();
  await using _worker = await server.worker(["--threads", "2"]);
  const recorder = new Recorder();
  const state = await flow({ name: "first", executor: server.executor() }, async () => {
    const sizes = sizeOf.map([large(300_000), large(2_000_000)]);
    return [await says("hello"), ...(await Promise.all(sizes))];
  }).run({ onEvent: recorder.onEvent, log: false });
  expect(state.unwrap()).toEqual([5, 300_007, 2_000_007]);
  const said = recorder.of("log").filter(({ task: name }) => name === "says");
  expect(said.map(({ message }) => message)).toContain("it says hello");
  expect(said.map(({ message }) => message)).toContain("without an end");
  expect(recorder.of("worker").filter(({ state: life }) => life === "ready").length).toBeGreaterThan(0);
  // Those that the run lets go at its end are no losses.
  expect(
    recorder.of("worker").filter(({ state: life, expected }) => life === "gone" && expected !== true),
  ).toEqual([]);
  expect(await server.leftovers()).toEqual([]);
});

test("a run that comes while another has thousands of tasks queued begins within two durations of those", async () => {
  await using server = await PoolServer.start();
  await using _worker = await server.worker(["--threads", "4"]);
  const stop = new AbortController();
  const starts: number[] = [];
  const long = flow({ name: "long", executor: server.executor() }, async () => {
    const futures = work.map(many(10_000, 200));
    for (const future of futures) future.then(({ at }) => starts.push(at)).catch(() => {});
    await Promise.all(futures);
  }).run({ signal: stop.signal, log: false });
  while (starts.length < 60) await delay(20);
  let submitted = 0;
  const short = await flow({ name: "short", executor: server.executor() }, async () => {
    submitted = Date.now();
    return await work(1);
  }).run({ log: false });
  const { at } = short.unwrap();
  while (starts.length === 0 || starts.at(-1)! < at) await delay(20);
  stop.abort();
  expect((await long).name).toBe("Cancelled");
  // Each of four lanes begins no more than two tasks in that time, and one that was just beginning.
  expect(starts.filter((start) => start > submitted && start < at).length).toBeLessThanOrEqual(3 * 4);
  expect(await server.leftovers()).toEqual([]);
});

test("three runs that could use all lanes get equal shares of them", async () => {
  await using server = await PoolServer.start();
  await using _workers = await server.worker(["--threads", "3"]);
  await using _more = await server.worker(["--threads", "1"]);
  const stop = new AbortController();
  const starts: number[][] = [[], [], []];
  const runs = starts.map((ats, index) =>
    flow({ name: `run-${index}`, executor: server.executor() }, async () => {
      const futures = work.map(many(5000, 50));
      for (const future of futures) future.then(({ at }) => ats.push(at)).catch(() => {});
      await Promise.all(futures);
    }).run({ signal: stop.signal, log: false }),
  );
  while (starts.some((ats) => ats.length < 5)) await delay(20);
  const from = Date.now() + 500;
  while (Date.now() < from + 15_000) await delay(100);
  stop.abort();
  await Promise.all(runs);
  const shares = starts.map((ats) => ats.filter((at) => at >= from && at < from + 15_000).length);
  const even = shares.reduce((sum, share) => sum + share) / 3;
  for (const share of shares) expect(Math.abs(share - even) / even, `of ${shares}`).toBeLessThan(0.15);
});

test("a run that is cancelled ends its own tasks, and nobody else's", async () => {
  await using server = await PoolServer.start();
  await using worker = await server.worker(["--threads", "2"]);
  const recorder = new Recorder();
  const stop = new AbortController();
  const cancelled = flow({ name: "cancelled", executor: server.executor({ cancelGraceMs: 100 }) }, () =>
    forEver(),
  ).run({
    signal: stop.signal,
    onEvent: recorder.onEvent,
    log: false,
  });
  await recorder.first("log", ({ message }) => message === "for ever");
  const other = flow({ name: "other", executor: server.executor() }, () =>
    Promise.all(work.map(many(20, 100))),
  ).run({
    log: false,
  });
  await delay(300);
  stop.abort();
  expect((await cancelled).name).toBe("Cancelled");
  expect((await other).unwrap().map(({ attempt }) => attempt)).toEqual(many(20, 1));
  expect(worker.hasEnded).toBe(false);
});

test.each(["exits", "is killed", "has no memory"])(
  "a run whose task %s costs a run beside it no attempt",
  async (how) => {
    await using server = await PoolServer.start();
    await using worker = await server.worker(["--threads", "2", "--memory-limit", "64MiB"]);
    const beside = flow({ name: "beside", executor: server.executor() }, () =>
      Promise.all(work.map(many(60, 50))),
    ).run({ log: false });
    const state = await flow({ name: "dies", executor: server.executor() }, () =>
      Promise.allSettled(dies.map(many(5, how))),
    ).run({ log: false });
    const reasons = state.unwrap().map((end) => String((end as PromiseRejectedResult).reason));
    for (const reason of reasons)
      expect(reason).toMatch({ exits: /exit/, "is killed": /SIGKILL/, "has no memory": /memory/ }[how]!);
    expect((await beside).unwrap().map(({ attempt }) => attempt)).toEqual(many(60, 1));
    expect(worker.hasEnded).toBe(false);
  },
);

test("a worker that is told to end finishes what runs and exits with 0; others go on with the rest", async () => {
  await using server = await PoolServer.start();
  await using first = await server.worker(["--threads", "2"]);
  const recorder = new Recorder();
  const run = flow({ name: "goes on", executor: server.executor() }, () =>
    Promise.all(work.map(many(30, 100))),
  ).run({
    onEvent: recorder.onEvent,
    log: false,
  });
  await recorder.first("task", ({ state }) => state === "Success");
  await using _second = await server.worker(["--threads", "2"]);
  first.kill("SIGTERM");
  expect(await first.ended).toMatchObject({ exitCode: 0 });
  expect(first.processes()).toEqual([]);
  const ran = (await run).unwrap();
  expect(ran.map(({ attempt }) => attempt)).toEqual(many(30, 1));
  expect((await server.status()).workers).toHaveLength(1);
});

test("a worker that is killed costs no task: its lanes finish what runs and are gone, others go on with the rest", async () => {
  await using server = await PoolServer.start();
  await using first = await server.worker(["--threads", "2"]);
  const recorder = new Recorder();
  const run = flow({ name: "goes on", executor: server.executor() }, () =>
    Promise.all(work.map(many(30, 100))),
  ).run({
    onEvent: recorder.onEvent,
    log: false,
  });
  await recorder.first("task", ({ state }) => state === "Success");
  await using _second = await server.worker(["--threads", "2"]);
  first.kill("SIGKILL");
  expect((await run).unwrap().map(({ attempt }) => attempt)).toEqual(many(30, 1));
  while (first.processes().length > 0) await delay(20);
});

test("tasks that need a resource run on workers that have it, one at a time where there is one of it", async () => {
  await using server = await PoolServer.start();
  await using plain = await server.worker(["--threads", "2", "--pool", "mixed"]);
  await using gpu = await server.worker(["--threads", "2", "--pool", "mixed", "--resources", '{"GPU":1}']);
  const state = await flow({ name: "mixed", executor: server.executor({ pool: "mixed" }) }, async () => ({
    plain: Promise.all(work.map(many(20, 50))),
    gpu: Promise.all(onGpu.map(many(6, 50))),
  })).run({ log: false });
  const ran = state.unwrap() as unknown as { plain: Ran[]; gpu: Ran[] };
  const ofGpu = gpu.processes();
  const ofPlain = plain.processes();
  for (const { pid } of await ran.gpu) expect(ofPlain).not.toContain(pid);
  const ats = (await ran.gpu).map(({ at }) => at).sort((one, other) => one - other);
  for (let index = 1; index < ats.length; index++)
    expect(ats[index]! - ats[index - 1]!).toBeGreaterThanOrEqual(45);
  expect(ofGpu.length).toBeGreaterThan(0);
});

test("tasks of a driver that is killed stop, and what it left in the server is gone when its lease has expired", async () => {
  await using server = await PoolServer.start();
  await server.makeStream("KV_muster-runs", ["$KV.muster-runs.>"], 3000);
  await server.makeStream(
    "MUSTER_POOL_default",
    ["muster.pool.default.want.>", "muster.pool.default.need.>"],
    3000,
  );
  await using worker = await server.worker(["--threads", "2"]);
  await using log = await LogFile.make();
  await using driver = new Child([Child.pathOf("pool-endless.ts"), server.address, log.path]);
  await driver.printed(/for ever/);
  expect(await server.leftovers()).toContainEqual(expect.stringMatching(/^OBJ_muster-run-/));
  driver.kill("SIGKILL");
  await driver.ended;
  await worker.printed(/the lane \S+ .*\n.*the lane /);
  const ticks = log.words().length;
  while ((await server.leftovers()).length > 0) await delay(200);
  expect(log.words().length).toBe(ticks);
  expect((await server.status()).workers[0]!.lanes).toEqual([{}, {}]);
  expect(worker.hasEnded).toBe(false);
});

test("a pool without workers says what it waits for, and a run of it fails when that was long enough", async () => {
  await using server = await PoolServer.start();
  const recorder = new Recorder();
  const state = await flow({ name: "alone", executor: server.executor({ poolTimeoutMs: 7000 }) }, () =>
    work(1),
  ).run({
    onEvent: recorder.onEvent,
    log: false,
  });
  const { message } = await recorder.first("log", ({ level }) => level === "warn");
  expect(message).toBe(
    `The pool "default" at ${server.address} has no worker: waiting for one, up to 7000 ms (poolTimeoutMs). This starts one: muster worker ${server.address} --pool default`,
  );
  expect(state.name).toBe("Failed");
  expect(state.message).toMatch(/had no worker for 7000 ms \(poolTimeoutMs\)/);
  expect(await server.leftovers()).toEqual([]);
});

test("workers of another version of the protocol are told of at once, and one of this version makes the run possible", async () => {
  await using server = await PoolServer.start();
  const other = { id: "other-1", pool: "default", pid: 1, protocol: 1, resources: {}, isLeaving: false };
  await server.pretendWorker({ ...other, lanes: [{}] });
  const one = flow({ name: "one", executor: server.executor() }, () => work(1));
  const refused = await one.run({ log: false });
  expect(refused.name).toBe("Failed");
  expect(refused.message).toMatch(
    /^The worker of the pool "default" at nats:\/\/127\.0\.0\.1:\d+ speaks version 1 of Muster's protocol, and this run version \d+: start workers of the version of Muster that the run has\.$/,
  );
  expect(await server.leftovers()).toEqual([]);
  await using _worker = await server.worker();
  while ((await server.status()).workers.length < 2) await delay(50);
  expect((await one.run({ log: false })).unwrap()).toMatchObject({ attempt: 1 });
});

test("a worker that comes late is found by a run that waits", async () => {
  await using server = await PoolServer.start();
  const run = flow({ name: "early", executor: server.executor() }, () => work(1)).run({ log: false });
  await delay(1000);
  await using _worker = await server.worker();
  expect((await run).unwrap()).toMatchObject({ attempt: 1 });
});

test("a server that is killed and started again costs a run time, and nothing else", async () => {
  await using server = await PoolServer.start();
  await using _worker = await server.worker(["--threads", "2"]);
  const recorder = new Recorder();
  const run = flow({ name: "goes on", executor: server.executor() }, () =>
    Promise.all(work.map(many(60, 100))),
  ).run({ onEvent: recorder.onEvent, log: false });
  await recorder.first("task", ({ state }) => state === "Success");
  await server.restart();
  expect((await run).unwrap().map(({ attempt }) => attempt)).toEqual(many(60, 1));
  const next = await flow({ name: "next", executor: server.executor() }, () => work(1)).run({ log: false });
  expect(next.unwrap()).toMatchObject({ attempt: 1 });
});

test("what an autoscaler reads of the server is what the status shows: the lanes that runs could use", async () => {
  await using server = await PoolServer.start();
  await using _worker = await server.worker(["--threads", "1"]);
  const stop = new AbortController();
  const recorder = new Recorder();
  const run = flow({ name: "wants", executor: server.executor() }, () =>
    Promise.all(work.map(many(17, 60_000))),
  ).run({
    signal: stop.signal,
    onEvent: recorder.onEvent,
    log: false,
  });
  await recorder.first("task", ({ state }) => state === "Running");
  const lag = async (): Promise<number> => {
    const streams = await server.streams();
    const consumers = streams.find(({ name }) => name === "MUSTER_POOL_default")?.consumer_detail;
    const found = consumers?.find(({ name }) => name === "demand-any");
    return found === undefined ? -1 : found.num_pending + found.num_ack_pending;
  };
  while ((await lag()) !== 17) await delay(50);
  const { demand, runs, workers } = await server.status();
  expect(demand).toEqual([{ class: "any", stream: "MUSTER_POOL_default", consumer: "demand-any", lag: 17 }]);
  expect(runs).toMatchObject([{ flowName: "wants", class: "any", lanes: 1, needs: 17 }]);
  expect(workers[0]!.lanes).toMatchObject([{ flowName: "wants" }]);
  stop.abort();
  await run;
  while ((await lag()) !== 0) await delay(50);
});

test("credentials come from options and the environment, and none is shown by anybody", async () => {
  await using server = await PoolServer.start("--user", "ann", "--pass", "s3cret-word");
  const env = { MUSTER_NATS_USER: "ann", MUSTER_NATS_PASSWORD: "s3cret-word" };
  await using worker = await server.worker([], { env });
  const executor = server.executor({ user: "ann", password: "s3cret-word" });
  const seen = task("seen", () => JSON.stringify(process.env));
  const recorder = new Recorder();
  const state = await flow({ name: "secret", executor }, () => seen()).run({
    onEvent: recorder.onEvent,
    logLevel: "debug",
    log: false,
  });
  expect(state.unwrap()).not.toContain("s3cret-word");
  await using status = Child.muster(["pool", "status", server.address], { env });
  const { stdout, stderr, exitCode } = await status.ended;
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/Pool default: 1 worker, \d of 1 lane/);
  await using refused = Child.muster(["pool", "status", server.address]);
  const refusal = await refused.ended;
  expect([refusal.exitCode, refusal.stderr]).toEqual([1, expect.stringMatching(/authorization/i)]);
  worker.kill("SIGTERM");
  await worker.ended;
  const all = [stdout, stderr, worker.stdout, worker.stderr, JSON.stringify(recorder.events)];
  for (const text of all) expect(text).not.toContain("s3cret-word");
});
