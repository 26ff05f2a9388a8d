import { describe, expect, test } from "vitest";
import { seededRandom } from "../seeded-random.ts";
import type { EngineKit } from "./engine-kit.ts";
import type { EngineRun } from "./engine-run.ts";
import type { KitTask, Standing } from "./kit-task.ts";

/** Tasks in the order in which the only thread for them began them. */
async function byTurn(run: EngineRun, tasks: readonly KitTask[]): Promise<KitTask[]> {
  const turns = new Map<KitTask, number>();
  for (const task of tasks) turns.set(task, (await run.value(task)) as number);
  return [...tasks].sort((one, other) => turns.get(one)! - turns.get(other)!);
}

export function describeOrder(kit: EngineKit): void {
  describe("order, on one thread", () => {
    const shared = kit.shared();

    /** While something else keeps the thread, tasks are submitted; then they run. */
    const orderOf = async (standings: readonly Standing[], expectedMs?: number): Promise<KitTask[]> => {
      const run = shared();
      const gate = run.files.gate();
      await run.running(run.begin("hold", [gate]));
      const fn = run.fn("turn", { expectedMs });
      const tasks = standings.map((standing) => run.task(fn, [], standing));
      // Some at once, and some one by one.
      const half = Math.ceil(tasks.length / 2);
      run.submit(...tasks.slice(0, half));
      for (const task of tasks.slice(half)) run.submit(task);
      run.files.open(gate);
      return await byTurn(run, tasks);
    };
    const ids = (tasks: readonly KitTask[]): number[] => tasks.map(({ id }) => id);

    test.each([
      ["whose duration nobody knows", undefined],
      ["that are short", 0.1],
    ])("equal tasks %s begin in the order of their submission", async (_what, expectedMs) => {
      const tasks = await orderOf(
        Array.from({ length: 300 }, () => ({})),
        expectedMs,
      );
      expect(ids(tasks)).toEqual(ids([...tasks].sort((one, other) => one.id - other.id)));
    });

    test("a higher priority goes before all else", async () => {
      const tasks = await orderOf([
        { priority: 0, depth: 9 },
        { priority: -1, depth: 9 },
        { priority: 2 },
        { priority: 0.5 },
        { priority: 2 },
      ]);
      expect(tasks.map(({ priority }) => priority)).toEqual([2, 2, 0.5, 0, -1]);
      expect(tasks[0]!.id).toBeLessThan(tasks[1]!.id);
    });

    test("what was begun is finished first: the deeper goes before the shallow", async () => {
      const tasks = await orderOf([1, 3, 2, 3, 1].map((depth) => ({ depth })));
      expect(tasks.map(({ depth }) => depth)).toEqual([3, 3, 2, 1, 1]);
    });

    test("among equals the lower rank goes first, whenever it was submitted", async () => {
      const tasks = await orderOf([5e6, 1e6, 3e6, 2e6, 5e6, 4e6].map((rank) => ({ rank })));
      expect(tasks.map(({ rank }) => rank)).toEqual([1e6, 2e6, 3e6, 4e6, 5e6, 5e6]);
      expect(tasks[4]!.id).toBeLessThan(tasks[5]!.id);
    });

    test("whatever they are, tasks begin by priority, then depth, then rank", async () => {
      const { random, seed } = seededRandom();
      const below = (limit: number): number => Math.floor(random() * limit);
      const tasks = await orderOf(
        Array.from({ length: 200 }, () => ({ priority: below(3), depth: below(3), rank: below(10) * 1e6 })),
      );
      const expected = [...tasks].sort(
        (one, other) =>
          other.priority - one.priority ||
          other.depth - one.depth ||
          one.rank - other.rank ||
          one.id - other.id,
      );
      expect(ids(tasks), `seed ${seed}`).toEqual(ids(expected));
    });

    test("what comes later and is more urgent goes before what has waited", async () => {
      const run = shared();
      const [first, second] = [run.files.gate(), run.files.gate()];
      await run.running(run.begin("hold", [first]));
      const waited = [run.begin("hold", [second]), run.begin("turn")];
      run.files.open(first);
      await run.running(waited[0]!);
      const urgent = run.begin("turn", [], { priority: 1 });
      run.files.open(second);
      expect(await byTurn(run, [waited[1]!, urgent])).toEqual([urgent, waited[1]]);
    });
  });
}
