import { describe, expect, test } from "vitest";
import type { EngineKit } from "./engine-kit.ts";
import type { EngineRun } from "./engine-run.ts";

/** The most visitors that were in at once. */
function mostAtOnce(run: EngineRun, file: string): number {
  let now = 0;
  let most = 0;
  for (const word of run.files.notes(file)) {
    now += word === "in" ? 1 : -1;
    most = Math.max(most, now);
  }
  return most;
}

export function describeResources(kit: EngineKit): void {
  describe("resources and room", () => {
    const shared = kit.shared({ threadsPerWorker: 4, resources: { GPU: 2, memory: 1 } });

    test.each([
      ["whole ones", { GPU: 1 }, 2],
      ["all at once", { GPU: 2 }, 1],
      ["parts of one", { GPU: 0.7 }, 2],
      ["of several kinds", { GPU: 0.5, memory: 0.3 }, 3],
    ])("never do more tasks run than there are resources for: %s", async (_what, resources, limit) => {
      const run = shared();
      const file = run.files.file();
      const visit = run.fn("visit", { resources, expectedMs: 1 });
      const tasks = Array.from({ length: 12 }, () => run.begin(visit, [file, 10]));
      await run.succeeded(...tasks);
      expect(mostAtOnce(run, file)).toBeLessThanOrEqual(limit);
    });

    test("as many run as there are resources for, and the others as soon as some are given back", async () => {
      const run = shared();
      const [large, small] = [run.files.gate(), run.files.gate()];
      const both = run.begin(run.fn("hold", { resources: { GPU: 2 } }), [large]);
      await run.running(both);
      const one = run.fn("hold", { resources: { GPU: 1 } });
      const ones = Array.from({ length: 3 }, () => run.begin(one, [small]));
      run.files.open(large);
      await run.succeeded(both);
      await run.running(ones[0]!, ones[1]!);
      run.files.open(small);
      await run.succeeded(...ones);
    });

    test("a task that has to wait for resources holds up none that needs none", async () => {
      const run = shared();
      const gate = run.files.gate();
      const all = run.fn("hold", { resources: { GPU: 2 } });
      const [first, second] = [run.begin(all, [gate]), run.begin(all, [gate])];
      await run.running(first);
      expect(await run.value(run.begin("sum", [[1, 2]]))).toBe(3);
      run.files.open(gate);
      await run.succeeded(first, second);
    });

    test("what was lost, cancelled or failed gives back what it had", async () => {
      const run = shared();
      const resources = { GPU: 2 };
      await run.report(run.begin(run.fn("exitThread", { resources }), [1]));
      await run.report(run.begin(run.fn("fail", { resources }), ["text"]));
      const deaf = run.begin(run.fn("forEver", { resources }));
      const forgotten = run.begin(run.fn("forEver", { resources }));
      await run.running(deaf);
      expect(run.cancel(forgotten)).toBe(true);
      run.cancel(deaf, 0);
      expect(await run.value(run.begin(run.fn("sum", { resources }), [[1]]))).toBe(1);
    });

    test("it says why no worker can ever run a task, and only then", () => {
      const run = shared();
      const why = (resources: Record<string, number> | undefined) =>
        run.engine.whyImpossible(run.fn("sum", { resources }));
      expect(why({ GPU: 3 })).toContain(
        "it needs GPU: 3, and a worker of this cluster has GPU: 2, memory: 1",
      );
      expect(why({ TPU: 1 })).toContain("it needs TPU: 1");
      expect([why(undefined), why({}), why({ GPU: 2, memory: 1 })]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    });

    test("no thread runs more at once than it may", async () => {
      const run = await kit.begin({ threadsPerWorker: 2, tasksPerThread: 3 });
      const file = run.files.file();
      const visit = run.fn("visit", { expectedMs: 1 });
      const tasks = Array.from({ length: 40 }, () => run.begin(visit, [file, 10]));
      await run.succeeded(...tasks);
      expect(mostAtOnce(run, file)).toBeLessThanOrEqual(6);
      const gate = run.files.gate();
      const holders = Array.from({ length: 6 }, () => run.begin("hold", [gate]));
      await run.running(...holders);
      run.files.open(gate);
      await run.succeeded(...holders);
    });

    if (kit.takesWorkers) {
      test("each worker brings resources of its own, and takes them with it", async () => {
        const run = await kit.begin({ resources: { GPU: 1 } });
        const gate = run.files.gate();
        const hold = run.fn("hold", { resources: { GPU: 1 } });
        const tasks = Array.from({ length: 3 }, () => run.begin(hold, [gate]));
        const [first] = await run.running(tasks[0]!);
        const second = await run.addWorker();
        expect(await run.running(tasks[1]!)).toEqual([second]);
        run.signal(first!, "SIGKILL");
        expect(await run.report(tasks[0]!)).toMatchObject({ kind: "lost" });
        const third = await run.addWorker();
        expect(await run.running(tasks[2]!)).toEqual([third]);
        run.files.open(gate);
        await run.succeeded(tasks[1]!, tasks[2]!);
      });
    }
  });
}
