import { describe, expect, onTestFinished, test } from "vitest";
import type { Cluster } from "../cluster/cluster.ts";
import { ClusterStartError } from "../cluster/cluster-start-error.ts";
import { collectGarbage } from "../cluster/garbage.ts";
import { context } from "../context/context.ts";
import type { Lease } from "../contracts/leases.ts";
import { TemporaryClusterExecutor } from "../executor/temporary-cluster-executor.ts";
import { flow } from "../flow/flow.ts";
import { WorkerLostError } from "../scheduler/errors.ts";
import type { ClusterCapabilities, ClusterFactory, CommonKwargs } from "./capabilities.ts";
import { ClusterRun } from "./cluster-run.ts";
import { bundledFlow, DriverProject, endlessFlow } from "./driver-project.ts";
import { until } from "./until.ts";

/** Keeps a worker's main thread from ever getting to the worker's own code. */
const NEVER = "data:text/javascript,await%20new%20Promise(()=>setInterval(()=>{},1000))";

/* Tasks. They travel as source. */
const add = (a: number, b: number): number => a + b;
const wait = (ms: number): Promise<number> => new Promise((resolve) => setTimeout(() => resolve(ms), ms));
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/**
 * The contract that every provider passes: call it in a test file of vitest.
 * ```ts
 * describeCluster("mine", (kwargs) => new MyCluster(kwargs), { clusterClass: "my-package#MyCluster", … });
 * ```
 * @param name of the provider, for messages
 * @param make makes a cluster of the class under test
 */
export function describeCluster<Kwargs extends object>(
  name: string,
  make: ClusterFactory<Kwargs>,
  capabilities: ClusterCapabilities<Kwargs>,
): void {
  const { clusterClass, kill, leftovers, absent, outOfMemory, garbage, timeoutMs = 60_000 } = capabilities;
  const { kwargs: common = {} } = capabilities;
  // What is left out of the capabilities' own options has a default in every class.
  const makeOne = (kwargs: object): Cluster => make({ ...common, ...kwargs } as Kwargs & CommonKwargs);
  /** A run with a cluster of two workers, unless told otherwise, which leaves nothing when the test ends. */
  const begin = async (
    kwargs: object = {},
    options: Parameters<typeof ClusterRun.start>[1] = {},
  ): Promise<ClusterRun> => {
    const run = await ClusterRun.start(() => makeOne({ workers: 2, ...kwargs }), options);
    onTestFinished(async () => {
      await run.executor.close();
      expect(await leftovers(run.runId)).toEqual([]);
    });
    return run;
  };

  describe(`the cluster contract: ${name}`, { timeout: timeoutMs }, () => {
    test("boots the workers that it is made for, which run tasks, and leaves nothing", async () => {
      const run = await begin();
      await run.cluster.waitForWorkers(2);
      const sums = await run.executor.wait(
        Array.from({ length: 100 }, (_, n) => run.executor.submit(add, [n, 1])),
      );
      expect(sums).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
      expect(run.cluster.workers.map(({ state }) => state)).toEqual(["ready", "ready"]);
      await run.executor.close();
      expect(run.of("cluster").at(-1)).toMatchObject({ state: "closed", message: undefined });
      expect(run.of("worker").filter(({ state, expected }) => state === "gone" && expected !== true)).toEqual(
        [],
      );
      expect(await leftovers(run.runId)).toEqual([]);
    });

    test("scales up and down", async () => {
      const run = await begin({ workers: 1 });
      await run.cluster.waitForWorkers(1);
      run.cluster.scale(3);
      await run.cluster.waitForWorkers(3);
      run.cluster.scale(1);
      await run.untilPresent(1);
      expect(await run.executor.submit(add, [1, 2])).toBe(3);
      const gone = run.of("worker").filter(({ state }) => state === "gone");
      expect(gone.map(({ expected }) => expected)).toEqual([true, true]);
    });

    test("adapts: from nothing to the maximum, and back to nothing", async () => {
      const adapt = { minimum: 0, maximum: 2, downDelayMs: 200, intervalMs: 100, targetDurationMs: 200 };
      const run = await begin({}, { adapt });
      expect(run.cluster.workers).toEqual([]);
      const waits = Array.from({ length: 20 }, () => run.executor.submit(wait, [300]));
      await run.cluster.waitForWorkers(2);
      await run.executor.wait(waits);
      expect(Math.max(...run.of("scaling").map(({ to }) => to))).toBe(2);
      await run.untilPresent(0);
    });

    test("scaling down lets a worker finish what it runs", async () => {
      const run = await begin({ workers: 1 });
      const running = run.executor.submit(wait, [1500]);
      await run.first("task", ({ state }) => state === "Running");
      run.cluster.scale(0);
      expect(await running).toBe(1500);
      const gone = await run.first("worker", ({ state }) => state === "gone");
      expect(gone).toMatchObject({ expected: true, exitCode: 0 });
    });

    test("a worker that is killed is replaced, and what it ran runs elsewhere", async () => {
      const run = await begin({ workers: 1 });
      await run.cluster.waitForWorkers(1);
      const running = run.executor.submit(wait, [1500]);
      await run.first("task", ({ state }) => state === "Running");
      const [victim] = run.cluster.workers;
      await kill(victim!, run.runId);
      const gone = await run.first("worker", ({ state }) => state === "gone");
      expect(gone).toMatchObject({ worker: victim!.id, expected: false, signal: "SIGKILL" });
      expect(gone.reason).toContain("SIGKILL");
      expect(await running).toBe(1500);
      expect(run.cluster.workers.map(({ id }) => id)).not.toContain(victim!.id);
    });

    test("a worker that runs out of memory says so", async () => {
      const run = await begin({ workers: 1, ...outOfMemory.kwargs });
      const hog = run.executor.submit(outOfMemory.hog, [], { name: "hog", workerLostRetries: 0 });
      const error = await hog.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(WorkerLostError);
      expect((error as Error).message).toMatch(outOfMemory.says);
      expect(await run.executor.submit(add, [1, 2])).toBe(3);
    });

    test("workers that cannot exist end the run at once, with the reason in the provider's own words", async () => {
      const failing = (async () => {
        const run = await begin({ ...absent.kwargs });
        await run.executor.submit(add, [1, 2]);
      })();
      const error = await failing.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(ClusterStartError);
      expect((error as Error).message).toMatch(absent.says);
    });

    test("a worker that does not connect within its deadline is given up", async () => {
      const env = { NODE_OPTIONS: `--import=${NEVER}` };
      const run = await begin({ workers: 1, env, startTimeoutMs: 3000, maxBootFailures: 1 });
      const error = await run.executor.submit(add, [1, 2]).then(
        () => undefined,
        (reason: unknown) => reason as Error,
      );
      expect(error).toBeInstanceOf(ClusterStartError);
      expect(error!.message).toContain("not ready within 3000 ms");
    });

    test("what a worker printed can be read after its death", async () => {
      const run = await begin({ workers: 1 });
      await run.executor.submit(print, ["first words"]);
      await run.executor.submit(print, ["last words"]);
      // What a process has not written yet when it is killed, nobody can read.
      await run.first("log", ({ message }) => message === "last words");
      const [worker] = run.cluster.workers;
      await kill(worker!, run.runId);
      await run.first("worker", ({ state }) => state === "gone");
      const lines = await Array.fromAsync(run.cluster.logs(worker!.id));
      expect(lines).toEqual(expect.arrayContaining(["first words", "last words"]));
    });

    test("closing twice is closing once", async () => {
      const run = await begin();
      await run.cluster.waitForWorkers(1);
      const [first, second] = await Promise.all([run.cluster.close(), run.cluster.close()]);
      expect(first).toBe(second);
      expect(first.leftovers).toEqual([]);
      expect(await run.cluster.close()).toBe(first);
      expect(await leftovers(run.runId)).toEqual([]);
    });

    test("closing while workers boot leaves nothing", async () => {
      const run = await begin();
      await run.first("worker", ({ state }) => state === "launching");
      await run.executor.close();
      expect(await leftovers(run.runId)).toEqual([]);
    });

    test("workers end by themselves when their driver is killed", async () => {
      const cluster = { clusterClass, clusterKwargs: { ...common, workers: 1 } };
      await using project = new DriverProject({ "endless.js": endlessFlow(cluster) });
      const driver = project.run("endless.js", {});
      const [, runId] = await driver.logged(/holding in (\S+)/);
      expect(await leftovers(runId!)).not.toEqual([]);
      driver.kill();
      await until(async () => (await leftovers(runId!)).length === 0);
    });

    if (garbage !== undefined) {
      test("gc removes what a dead driver left, and nothing else", async () => {
        const { keeper, kwargs, freeze, beside = 0 } = garbage;
        const alive = await begin(kwargs);
        await alive.cluster.waitForWorkers(2);
        const cluster = { clusterClass, clusterKwargs: { ...common, ...kwargs, workers: 1 } };
        await using project = new DriverProject({ "endless.js": endlessFlow(cluster) });
        const driver = project.run("endless.js", {});
        const [, runId] = await driver.logged(/holding in (\S+)/);
        await freeze(runId!);
        driver.kill();
        await driver.ended;
        const of = (leases: readonly Lease[], id: string): Lease[] =>
          leases.filter((lease) => lease.runId === id);
        await until(async () => of(await keeper.list(), runId!).every(({ expiresInMs }) => expiresInMs <= 0));
        const dry = await collectGarbage(keeper, { dryRun: true });
        expect(of(dry.removed, runId!)).toHaveLength(1 + beside);
        expect(await leftovers(runId!)).not.toEqual([]);
        const { removed, kept, failed } = await collectGarbage(keeper);
        expect(failed).toEqual([]);
        expect(of(removed, runId!)).toHaveLength(1 + beside);
        expect(of(removed, alive.runId)).toEqual([]);
        expect(of(kept, alive.runId)).toHaveLength(2 + beside);
        expect(await leftovers(runId!)).toEqual([]);
        expect(await alive.executor.submit(add, [1, 2])).toBe(3);
      });
    }

    test("a factory sees at run time the image of the run", async () => {
      const seen: (string | undefined)[] = [];
      const clusterClass = (): Cluster => {
        seen.push(context.image);
        return makeOne({ workers: 1 });
      };
      const withImage = flow(
        { name: "image", executor: new TemporaryClusterExecutor({ clusterClass }) },
        () => 1,
      );
      const { image } = IMAGE_OF_RUN;
      const state = await withImage.run({ context: { image } });
      expect(state.name).toBe("Success");
      expect(seen).toEqual([image]);
    });

    test("workers need nothing of the flow's project: its code travels", async () => {
      const cluster = { clusterClass, clusterKwargs: { ...common, workers: 1 } };
      await using project = new DriverProject({
        "bundled.js": bundledFlow(cluster),
        "lib/shout.js": "export const shout = (text) => text.toUpperCase();",
      });
      const driver = project.run("bundled.js", { names: ["ada", "bob"] });
      const { exitCode, stdout, stderr } = await driver.ended;
      expect(exitCode, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ result: ["HELLO ADA", "HELLO BOB"] });
    });

    test("large values travel there and back", async () => {
      const run = await begin();
      const make = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(7);
      const sum = (bytes: Uint8Array): number => bytes[0]! + bytes.length;
      const large = run.executor.submit(make, [64 * 2 ** 20]);
      const sums = Array.from({ length: 4 }, () => run.executor.submit(sum, [large]));
      expect(await run.executor.wait(sums)).toEqual(Array(4).fill(7 + 64 * 2 ** 20));
      expect((await large).length).toBe(64 * 2 ** 20);
    });
  });
}

/** Any name will do: the cluster is given its own image. */
const IMAGE_OF_RUN = { image: "node:24-bookworm-slim" };
