import { expect, test } from "vitest";
import { collectGarbage, type Lease, type LeaseKeeper } from "./leases.ts";

/** Things in memory. */
class Shelf implements LeaseKeeper {
  readonly name = "shelf";
  readonly there: Map<string, number>;
  readonly stuck = new Set<string>();

  constructor(expiresInMs: Record<string, number>) {
    this.there = new Map(Object.entries(expiresInMs));
  }

  async list(): Promise<Lease[]> {
    return [...this.there].map(([id, expiresInMs]) => ({
      id,
      what: `thing ${id}`,
      runId: "run-1",
      flowName: "test",
      worker: undefined,
      state: "there",
      ageMs: 1,
      expiresInMs,
    }));
  }

  async remove({ id }: Lease): Promise<void> {
    if (this.stuck.has(id)) throw new Error("it is stuck");
    this.there.delete(id);
  }
}

const ids = (leases: readonly Lease[]): string[] => leases.map(({ id }) => id).sort();

test("what has expired goes, and nothing else", async () => {
  const shelf = new Shelf({ dead: -1, justDead: 0, alive: 1, young: 60_000 });
  const { removed, kept, failed } = await collectGarbage(shelf);
  expect(ids(removed)).toEqual(["dead", "justDead"]);
  expect(ids(kept)).toEqual(["alive", "young"]);
  expect(failed).toEqual([]);
  expect([...shelf.there.keys()]).toEqual(["alive", "young"]);
});

test("a dry run only says what would go", async () => {
  const shelf = new Shelf({ dead: -1, alive: 1 });
  expect(ids((await collectGarbage(shelf, { dryRun: true })).removed)).toEqual(["dead"]);
  expect(shelf.there.size).toBe(2);
});

test("what cannot be removed is told with its reason, and holds nothing else up", async () => {
  const shelf = new Shelf({ dead: -1, stuck: -1 });
  shelf.stuck.add("stuck");
  const { removed, failed } = await collectGarbage(shelf);
  expect(ids(removed)).toEqual(["dead"]);
  expect(failed).toMatchObject([{ lease: { id: "stuck" }, reason: "it is stuck" }]);
});
