import { expect, test } from "vitest";
import { SimulatedClock } from "../base/clock.ts";
import type { Lease, LeaseKeeper } from "../contracts/leases.ts";
import { collectGarbage } from "./garbage.ts";

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

/** Things whose renewals can be seen; the clocks by which they seem to have expired are wrong. */
class WatchedShelf implements LeaseKeeper {
  readonly name = "shelf";
  readonly clock = new SimulatedClock();
  readonly removed: string[] = [];
  readonly #things: Readonly<Record<string, Partial<Lease> & { renewEveryMs?: number }>>;

  constructor(things: Readonly<Record<string, Partial<Lease> & { renewEveryMs?: number }>>) {
    this.#things = things;
  }

  async list(): Promise<Lease[]> {
    return Object.entries(this.#things).map(([id, { renewEveryMs = Infinity, ...own }]) => ({
      id,
      what: `thing ${id}`,
      runId: "run-1",
      flowName: "test",
      worker: undefined,
      state: "there",
      ageMs: 1,
      expiresInMs: -3_600_000,
      driver: "elsewhere",
      renewal: { mark: `${Math.floor(this.clock.now() / renewEveryMs)}`, withinMs: 600_000 },
      ...own,
    }));
  }

  async remove({ id }: Lease): Promise<void> {
    this.removed.push(id);
  }
}

test("what is renewed while it is watched stays, whatever clocks say; what is not goes", async () => {
  const shelf = new WatchedShelf({ dead: {}, alive: { renewEveryMs: 150_000 }, holds: { expiresInMs: 1 } });
  const watched: string[][] = [];
  const collecting = collectGarbage(shelf, {
    clock: shelf.clock,
    watching: (leases, forMs) => watched.push([...ids(leases), String(forMs)]),
  });
  await shelf.clock.advance(600_000);
  const { removed, kept } = await collecting;
  expect([ids(removed), ids(kept), shelf.removed]).toEqual([["dead"], ["alive", "holds"], ["dead"]]);
  expect(watched).toEqual([["alive", "dead", "600000"]]);
});

test("a driver that can be seen to live, or to be gone, needs no watching", async () => {
  const shelf = new WatchedShelf({ stopped: { driver: "lives" }, killed: { driver: "gone" } });
  const { removed, kept } = await collectGarbage(shelf, { clock: shelf.clock });
  expect([ids(removed), ids(kept)]).toEqual([["killed"], ["stopped"]]);
});

test("a driver that was killed a moment ago has its lease all the same", async () => {
  const shelf = new WatchedShelf({ killed: { driver: "gone", expiresInMs: 1 } });
  expect(ids((await collectGarbage(shelf, { clock: shelf.clock })).kept)).toEqual(["killed"]);
});

test("watching ends with its signal, and removes nothing", async () => {
  const shelf = new WatchedShelf({ dead: {} });
  const stop = new AbortController();
  const collecting = collectGarbage(shelf, {
    clock: shelf.clock,
    signal: stop.signal,
    watching: () => stop.abort(),
  });
  await expect(collecting).rejects.toMatchObject({ code: "CANCELLED" });
  expect(shelf.removed).toEqual([]);
});

test("a keeper that never answers is given up", async () => {
  const clock = new SimulatedClock();
  const keeper: LeaseKeeper = { name: "mute", list: () => new Promise(() => {}), remove: async () => {} };
  const collecting = collectGarbage(keeper, { clock });
  collecting.catch(() => {});
  await clock.advance(120_000);
  await expect(collecting).rejects.toThrow("Asking mute what there is took longer than 120000 ms.");
});
