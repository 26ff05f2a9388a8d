import { expect, test } from "vitest";
import { DeadlineError } from "../base/errors.ts";
import { readWorkerEnv } from "../contracts/index.ts";
import { ScriptedProvider, ScriptedRun } from "./cluster.test.kit.ts";
import {
  AsyncQueue,
  Cluster,
  type ClusterHappening,
  type ClusterOptions,
  ClusterStartError,
} from "./index.ts";

interface Started {
  readonly cluster: Cluster;
  readonly provider: ScriptedProvider;
  readonly run: ScriptedRun;
}

async function started(
  options: Omit<ClusterOptions, "provider"> = {},
  prepare?: (made: Started) => void,
): Promise<Started> {
  const made = { provider: new ScriptedProvider(), run: new ScriptedRun() };
  const cluster = new Cluster({ provider: made.provider, ...options });
  prepare?.({ cluster, ...made });
  await cluster.start(made.run.session);
  await made.run.settle();
  return { cluster, ...made };
}

const states = (cluster: Cluster) => Object.fromEntries(cluster.workers.map(({ id, state }) => [id, state]));

test("starts the workers it is made for, and tells them all that they need", async () => {
  const { cluster, provider, run } = await started({
    workers: 2,
    threadsPerWorker: 3,
    env: { A: "1" },
    resources: { GPU: 1 },
  });
  expect(states(cluster)).toEqual({ "w-1": "launching", "w-2": "launching" });
  expect(provider.calls).toEqual(["open run-1", "launch w-1 w-2"]);
  const [spec] = provider.launched;
  expect(spec).toMatchObject({ id: "w-1", threads: 3, resources: { GPU: 1 }, env: { A: "1" } });
  expect(readWorkerEnv(spec!.env)).toMatchObject({
    address: "tcp://127.0.0.1:1",
    token: "secret",
    workerId: "w-1",
    threads: 3,
    resources: { GPU: 1 },
  });

  await run.clock.advance(70);
  provider.see({ id: "w-1", phase: "running" });
  await run.settle();
  expect(states(cluster)).toEqual({ "w-1": "booting", "w-2": "launching" });
  run.join("w-1", "w-2");
  expect(states(cluster)).toEqual({ "w-1": "ready", "w-2": "ready" });
  expect(run.seen).toContainEqual(
    expect.objectContaining({ type: "worker", worker: "w-1", state: "ready", bootMs: 70 }),
  );
  expect(run.seen).toContainEqual(
    expect.objectContaining({ type: "cluster", state: "ready", durationMs: 70 }),
  );
});

test("once the run is cancelled a dead worker is not replaced", async () => {
  const { cluster, provider, run } = await started({ workers: 1 });
  run.join("w-1");
  run.isCancelled = true;
  provider.see({ id: "w-1", phase: "ended", reason: "exit code 1" });
  await run.clock.advance(60_000);
  expect(states(cluster)).toEqual({});
  expect(provider.calls).toEqual(["open run-1", "launch w-1"]);
});

test("a dead worker is replaced, and the engine hears how it died", async () => {
  const { cluster, provider, run } = await started({ workers: 1 });
  run.join("w-1");
  provider.print("w-1", "FATAL: heap out of memory");
  provider.see({
    id: "w-1",
    phase: "ended",
    reason: "ended by SIGABRT",
    signal: "SIGABRT",
    outOfMemory: true,
  });
  await run.settle();
  expect(run.link.deaths.get("w-1")).toMatchObject({
    reason: "ended by SIGABRT",
    signal: "SIGABRT",
    outOfMemory: true,
    lastLines: ["FATAL: heap out of memory"],
  });
  expect(states(cluster)).toEqual({ "w-2": "launching" });
  expect(run.seen).toContainEqual(
    expect.objectContaining({
      type: "worker",
      worker: "w-1",
      state: "gone",
      expected: false,
      outOfMemory: true,
    }),
  );
});

test("the connection breaks first, and the exit code comes after: the death knows both", async () => {
  const { provider, run } = await started({ workers: 1 });
  run.join("w-1");
  provider.onTerminate = async (ids) => {
    for (const id of ids) provider.see({ id, phase: "ended", reason: "exit code 7", exitCode: 7 });
  };
  run.link.say({ type: "left", id: "w-1", drained: false, reason: "the connection broke" });
  await run.settle();
  expect(run.link.deaths.get("w-1")).toMatchObject({
    reason: "the connection broke; exit code 7",
    exitCode: 7,
  });
});

test("the first news of an end counts: what is told of it later, or again, changes nothing", async () => {
  const lastLines = Promise.withResolvers<void>();
  const { provider, run } = await started({ workers: 1 }, ({ provider }) => {
    // They keep its end from being final, so that there is time for more news of it.
    provider.logs = async function* () {
      await lastLines.promise;
      yield "core dumped";
    };
  });
  run.join("w-1");
  provider.see({ id: "w-1", phase: "ended", reason: "OOMKilled", exitCode: 137, outOfMemory: true });
  provider.see({ id: "w-1", phase: "running", reason: "Running" });
  provider.see({ id: "w-1", phase: "ended", reason: "its container is gone" });
  await run.settle();
  lastLines.resolve();
  await run.settle();
  expect(run.link.deaths.get("w-1")).toMatchObject({
    reason: "OOMKilled",
    exitCode: 137,
    outOfMemory: true,
    lastLines: ["core dumped"],
  });
});

test("a worker that ended while its launch was under way keeps the reason of its end", async () => {
  const slow = Promise.withResolvers<{ ok: false; reason: string }>();
  const { provider, run } = await started({ workers: 1 }, ({ provider }) => {
    provider.answer = (id) => (id === "w-1" ? slow.promise : { ok: true });
    provider.logs = () => new AsyncQueue<string>();
  });
  provider.see({ id: "w-1", phase: "ended", reason: "exit code 9", exitCode: 9 });
  await run.settle();
  slow.resolve({ ok: false, reason: "the connection to it broke" });
  await run.settle();
  expect(run.link.deaths.get("w-1")).toMatchObject({ reason: "exit code 9", exitCode: 9 });
});

test("workers that crash again and again are replaced with growing delay, and at once after a stable time", async () => {
  const { provider, run } = await started({ workers: 1 });
  const launchedAt: number[] = [];
  for (let crash = 1; crash <= 6; crash++) {
    const id = `w-${crash}`;
    while (provider.launched.at(-1)?.id !== id) await run.clock.advance(10);
    launchedAt.push(run.clock.now());
    run.join(id);
    if (crash === 5) await run.clock.advance(2_000);
    provider.see({ id, phase: "ended", reason: "exit code 1", exitCode: 1 });
    await run.settle();
  }
  expect(launchedAt).toEqual([0, 0, 100, 300, 700, 2_700]);
});

test("scaling down drains: idle workers first, and what runs may finish", async () => {
  const { cluster, provider, run } = await started({ workers: 3 });
  run.join("w-1", "w-2", "w-3");
  run.link.say({ type: "busy", id: "w-3", running: 1 });
  cluster.scale(1);
  await run.settle();
  expect(run.link.drained).toEqual(["w-1", "w-2"]);
  await run.clock.advance(600_000);
  expect(provider.terminated).toEqual([]);
  run.link.say({ type: "left", id: "w-1", drained: true, reason: "drained" });
  await run.settle();
  expect(provider.terminated.map(({ ids }) => ids)).toEqual([["w-1"]]);
  expect(states(cluster)).toEqual({ "w-2": "draining", "w-3": "ready" });
  expect(run.seen).toContainEqual(expect.objectContaining({ worker: "w-1", state: "gone", expected: true }));
});

test("a slow launch holds up no other change", async () => {
  const slow = Promise.withResolvers<{ ok: true }>();
  const { cluster, provider, run } = await started({ workers: 1 }, ({ provider }) => {
    provider.answer = (id) => (id === "w-1" ? slow.promise : { ok: true });
  });
  cluster.scale(3);
  await run.settle();
  expect(provider.calls).toContain("launch w-2 w-3");
  run.join("w-2", "w-3");
  cluster.scale(2);
  await run.settle();
  expect(states(cluster)).toEqual({ "w-1": "stopping", "w-2": "ready", "w-3": "ready" });
  expect(provider.terminated).toEqual([]);
  slow.resolve({ ok: true });
  await run.settle();
  expect(provider.terminated.map(({ ids }) => ids)).toEqual([["w-1"]]);
  expect(Object.keys(states(cluster))).toEqual(["w-2", "w-3"]);
});

test("a worker that connects just as it is given up gets no task", async () => {
  const { cluster, provider, run } = await started({ workers: 1 });
  provider.onTerminate = () => new Promise(() => undefined);
  cluster.scale(0);
  await run.settle();
  run.join("w-1");
  expect(run.link.drained).toEqual(["w-1"]);
  expect(states(cluster)).toEqual({ "w-1": "stopping" });
});

test("workers that die in bootstrap stop the cluster, with the last words of one", async () => {
  const { cluster, provider, run } = await started({ workers: 4 });
  const waiting = cluster.waitForWorkers(4).catch((error: unknown) => error);
  let failed = 0;
  cluster.onFailure(() => void failed++);
  for (let round = 0; round < 3; round++) {
    for (const { id } of provider.launched.slice(-4)) {
      provider.print(id, "node: --nonsense is not allowed in NODE_OPTIONS");
      provider.see({ id, phase: "ended", reason: "exit code 9", exitCode: 9 });
    }
    await run.clock.advance(1_000);
  }
  expect(provider.launched).toHaveLength(12);
  const error = await waiting;
  expect(error).toBeInstanceOf(ClusterStartError);
  expect(error).toBe(cluster.failure);
  expect(error).toMatchObject({ code: "CLUSTER_START", worker: "w-12", death: { exitCode: 9 } });
  expect((error as Error).message).toBe(
    'The cluster "scripted" has no workers: 3 times in a row they failed to start. Worker w-12: exit code 9. ' +
      "Its last lines:\n  | node: --nonsense is not allowed in NODE_OPTIONS",
  );
  expect(failed).toBe(1);
  expect(run.seen).toContainEqual(expect.objectContaining({ type: "cluster", state: "failed" }));
  await run.clock.advance(100_000);
  expect(provider.launched).toHaveLength(12);
});

test.each([
  ["the launch", true],
  ["an observation", false],
])("a permanent failure of %s stops the cluster at once", async (_, atLaunch) => {
  const { cluster, provider, run } = await started({ workers: 2 }, ({ provider }) => {
    if (atLaunch) provider.answer = () => ({ ok: false, reason: "no such image: nope", permanent: true });
  });
  if (!atLaunch) {
    for (const id of ["w-1", "w-2"]) {
      provider.see({ id, phase: "starting", reason: "ImagePullBackOff: nope", permanent: true });
    }
    await run.settle();
  }
  expect(cluster.failure?.message).toMatch(/no workers, and trying again cannot help\. Worker w-\d: .*nope/);
  expect(provider.launched).toHaveLength(2);
});

test("a launch that throws is a failure with its reason, and is tried again", async () => {
  const { cluster, provider, run } = await started({ workers: 1 }, ({ provider }) => {
    provider.answer = (id) => {
      if (id === "w-1") throw new Error("ThrottlingException: rate exceeded");
      return { ok: true };
    };
  });
  await run.clock.advance(1_000);
  expect(provider.launched.map(({ id }) => id)).toEqual(["w-1", "w-2"]);
  run.join("w-2");
  await run.settle();
  expect(cluster.failure).toBeUndefined();
  expect(run.link.deaths.get("w-1")?.reason).toBe("ThrottlingException: rate exceeded");
});

test("no worker within the deadline: the error says what the provider last said", async () => {
  const { cluster, provider, run } = await started({ workers: 1, startTimeoutMs: 5_000 });
  provider.see({ id: "w-1", phase: "starting", reason: "Unschedulable: 0/3 nodes have enough cpu" });
  await run.clock.advance(5_000);
  expect(cluster.failure?.message).toBe(
    'The cluster "scripted" had no worker ready within 5000 ms (startTimeoutMs). Worker w-1: not ready within 5000 ms; ' +
      "Unschedulable: 0/3 nodes have enough cpu. It printed nothing.",
  );
});

test("with some workers ready, those that cannot start do not end the run", async () => {
  const { cluster, provider, run } = await started({ workers: 2 }, ({ provider }) => {
    provider.answer = (id) =>
      id === "w-1" ? { ok: true } : { ok: false, reason: "quota exceeded", permanent: true };
  });
  run.join("w-1");
  await run.clock.advance(100_000);
  expect(cluster.failure).toBeUndefined();
  expect(provider.launched).toHaveLength(2);
  expect(states(cluster)).toEqual({ "w-1": "ready" });
  // Only when that one is lost too, there is nothing left to go on with.
  provider.see({ id: "w-1", phase: "ended", reason: "exit code 1", exitCode: 1 });
  await run.clock.advance(1_000);
  expect(cluster.failure?.message).toContain("quota exceeded");
});

test("a provider that goes blind fails the cluster rather than leaving it waiting", async () => {
  const { cluster, provider, run } = await started({ workers: 1 });
  provider.goBlind();
  await run.settle();
  expect(cluster.failure?.message).toContain("lost sight of its workers");
});

test("a provider that cannot open says why, and is closed all the same", async () => {
  const provider = new ScriptedProvider();
  provider.onOpen = async () => {
    throw new Error("AccessDenied: ecs:CreateCluster");
  };
  const cluster = new Cluster({ provider });
  await expect(cluster.start(new ScriptedRun().session)).rejects.toThrow(
    'The cluster "scripted" cannot start: AccessDenied: ecs:CreateCluster',
  );
  await cluster.close();
  expect(provider.calls).toEqual(["open run-1", "close"]);
});

test("waitForWorkers says how many came, and why others did not", async () => {
  const { cluster, provider, run } = await started({ workers: 2 });
  const waiting = cluster.waitForWorkers(2, { timeoutMs: 1_000 }).catch((error: unknown) => error);
  run.join("w-1");
  provider.see({ id: "w-2", phase: "starting", reason: "ContainerCreating" });
  await run.clock.advance(1_000);
  const error = await waiting;
  expect(error).toBeInstanceOf(DeadlineError);
  expect((error as Error).message).toBe(
    "1 of 2 workers were ready after 1000 ms: w-2 has been launching for 1000 ms (ContainerCreating)",
  );
  const all = cluster.waitForWorkers(2);
  run.join("w-2");
  await all;
  await expect(cluster.waitForWorkers(3)).rejects.toThrow("at most 2. Call scale(3) first.");
  const controller = new AbortController();
  cluster.scale(3);
  const cancelled = cluster.waitForWorkers(3, { signal: controller.signal });
  controller.abort();
  await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
});

test("adapts to the backlog: from nothing up, and down again when it is done", async () => {
  const { cluster, provider, run } = await started({}, ({ cluster }) => {
    cluster.adapt({ minimum: 0, maximum: 3, downDelayMs: 5_000 });
  });
  expect(provider.launched).toEqual([]);
  expect(cluster.possible).toMatchObject({ threads: 1, maxWorkers: 3 });
  run.demand = { ...run.demand, ready: 10, unknown: 10 };
  cluster.demandChanged();
  await run.settle();
  expect(provider.launched).toHaveLength(3);
  run.join("w-1", "w-2", "w-3");
  run.demand = { ...run.demand, ready: 0, unknown: 0 };
  await run.clock.advance(8_000);
  expect(run.link.drained).toHaveLength(3);
  expect(run.seen.filter(({ type }) => type === "scaling")).toMatchObject([
    {
      from: 0,
      to: 3,
      reason: "10 tasks ready, 0 running, 10 of unknown duration: 3 workers (the maximum).",
      demand: { ready: 10 },
    },
    { from: 3, to: 0, reason: "0 tasks ready, 0 running: 0 workers (the minimum)." },
  ]);
  cluster.scale(2);
  await run.clock.advance(100_000);
  expect(cluster.wanted).toBe(2);
});

test("logs of a worker, also of one that is gone", async () => {
  const { cluster, provider, run } = await started({ workers: 1 });
  provider.print("w-1", "one");
  await run.settle();
  const lines: string[] = [];
  const following = (async () => {
    for await (const line of cluster.logs("w-1")) lines.push(line);
  })();
  provider.print("w-1", "two");
  provider.see({ id: "w-1", phase: "ended" });
  await run.settle();
  await following;
  expect(lines).toEqual(["one", "two"]);
  const after: string[] = [];
  for await (const line of cluster.logs("w-1")) after.push(line);
  expect(after).toEqual(["one", "two"]);
  expect(run.seen).toContainEqual(expect.objectContaining({ type: "log", worker: "w-1", message: "two" }));
  expect(() => cluster.logs("w-99")).toThrow('knows no worker "w-99". Its workers: w-2.');
});

test("close is ordered, idempotent, and leaves nothing", async () => {
  const { cluster, provider, run } = await started({ workers: 2 });
  const happened: ClusterHappening[] = [];
  const listening = (async () => {
    for await (const event of cluster.events) happened.push(event);
  })();
  run.join("w-1", "w-2");
  const closing = cluster.close({ graceMs: 100 });
  expect(cluster.close()).toBe(closing);
  await run.settle();
  expect(await closing).toEqual({ durationMs: 0, leftovers: [] });
  expect(provider.calls.slice(2)).toEqual(["terminate w-1 w-2", "close", "observed to the end"]);
  expect(provider.terminated[0]?.graceMs).toBe(100);
  expect(cluster.workers).toEqual([]);
  expect(run.link.listeners.size).toBe(0);
  expect(run.clock.pending).toBe(0);
  await listening;
  expect(happened.filter(({ type }) => type === "cluster")).toMatchObject([
    { state: "ready" },
    { state: "closing" },
    { state: "closed" },
  ]);
  expect(happened.filter((event) => event.type === "worker" && event.state === "gone")).toMatchObject([
    { worker: "w-1", expected: true },
    { worker: "w-2", expected: true },
  ]);
  expect(() => cluster.scale(1)).toThrow('The cluster "scripted" is closed.');
});

test("close reports what it could not remove, within its deadlines", async () => {
  const { cluster, provider, run } = await started({ workers: 2 });
  run.join("w-1");
  provider.onTerminate = () => new Promise(() => undefined);
  provider.onClose = async () => {
    throw new Error("the network muster-run-1 is in use");
  };
  const closing = cluster.close({ graceMs: 1_000 });
  await run.clock.advance(16_000);
  const { leftovers } = await closing;
  expect(leftovers).toEqual([
    { what: "worker w-1", reason: expect.stringContaining("took longer than 16000 ms") },
    { what: "worker w-2", reason: expect.stringContaining("took longer than 16000 ms") },
    { what: 'something of the provider "scripted"', reason: "the network muster-run-1 is in use" },
  ]);
});

test("closing again with a shorter grace hurries", async () => {
  const { cluster, provider, run } = await started({ workers: 1 });
  provider.onTerminate = async () => {
    if (provider.terminated.at(-1)?.graceMs === 0)
      provider.see({ id: "w-1", phase: "ended", signal: "SIGKILL" });
  };
  void cluster.close({ graceMs: 60_000 });
  await run.settle();
  void cluster.close({ graceMs: 0 });
  await run.settle();
  expect(provider.terminated.map(({ graceMs }) => graceMs)).toEqual([60_000, 0]);
});

test("closing while a launch is under way takes that worker away, too", async () => {
  const slow = Promise.withResolvers<{ ok: true }>();
  const { cluster, provider, run } = await started({ workers: 1 }, ({ provider }) => {
    provider.answer = () => slow.promise;
  });
  const closing = cluster.close();
  await run.settle();
  expect(provider.terminated).toEqual([]);
  slow.resolve({ ok: true });
  await run.settle();
  expect((await closing).leftovers).toEqual([]);
  expect(provider.terminated.map(({ ids }) => ids)).toEqual([["w-1"]]);
});

test("a worker that could not be taken away is tried again", async () => {
  const { cluster, provider, run } = await started({ workers: 1 });
  const byDefault = provider.onTerminate;
  provider.onTerminate = async () => {
    throw new Error("the API is away");
  };
  cluster.scale(0);
  await run.settle();
  provider.onTerminate = byDefault;
  await run.clock.advance(5_000);
  expect(provider.terminated).toHaveLength(2);
  expect(cluster.workers).toEqual([]);
});

test("that tasks wait for workers which nobody has asked for is told once, with what waits and what to do", async () => {
  const { cluster, run } = await started({ workers: 0 });
  const warnings = () =>
    run.seen.flatMap((event) => (event.type === "log" && event.level === "warn" ? [event.message] : []));
  await run.clock.advance(5_000);
  expect(warnings()).toEqual([]);
  run.demand = { ...run.demand, ready: 4 };
  run.waiting = ["make", "size", "add", "last"];
  await run.clock.advance(5_000);
  expect(warnings()).toEqual([
    'The cluster "scripted" is to have no workers, and 4 tasks wait ("make", "size", "add", …). Nothing goes on until somebody calls its scale() or adapt(); or give it `workers`, or the executor `adaptKwargs`.',
  ]);
  cluster.scale(2);
  await run.clock.advance(5_000);
  cluster.scale(0);
  cluster.scale(1);
  await run.clock.advance(5_000);
  expect(warnings()).toHaveLength(1);
  cluster.scale(0);
  await run.clock.advance(5_000);
  expect(warnings()).toHaveLength(2);
  cluster.adapt({ maximum: 1 });
  await run.clock.advance(5_000);
  expect(warnings()).toHaveLength(2);
  await cluster.close();
  await run.clock.advance(5_000);
  expect(warnings()).toHaveLength(2);
});

test("who waits for workers that are no longer wanted hears so at once", async () => {
  const { cluster, run } = await started({ workers: 3 });
  const three = cluster.waitForWorkers(3).catch((error: unknown) => error);
  const two = cluster.waitForWorkers(2);
  cluster.scale(2);
  expect(await three).toMatchObject({
    code: "INVALID_OPTION",
    message: expect.stringContaining("waitForWorkers(3) would wait for ever"),
  });
  cluster.adapt({ minimum: 2, maximum: 2 });
  await run.settle();
  run.join(...Object.keys(states(cluster)));
  await two;
});

test.each<[Partial<ClusterOptions>, string]>([
  [{ workers: -1 }, "workers must be a whole number of at least 0, but it is -1."],
  [{ workers: 1.5 }, "workers must be a whole number of at least 0, but it is 1.5."],
  [{ threadsPerWorker: 0 }, "threadsPerWorker must be a whole number of at least 1, but it is 0."],
  [{ memoryLimit: 1000 }, "memoryLimit must be a whole number of at least 16777216, but it is 1000."],
  [{ resources: { GPU: -1 } }, "resources.GPU must be a number of at least 0, but it is -1."],
  [{ env: { A: 1 as unknown as string } }, "env.A must be a string"],
  [
    { wokers: 1 } as Partial<ClusterOptions>,
    'A cluster has no option "wokers": did you mean "workers"? It has: defaultMaximum,',
  ],
])("refuses %j", (options, message) => {
  expect(() => new Cluster({ provider: new ScriptedProvider(), ...options })).toThrow(message);
});
