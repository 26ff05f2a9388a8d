import fc from "fast-check";
import { expect, test } from "vitest";
import { type Lease, PoolSlots, QUANTUM_MS } from "./pool-slots.ts";

const random = (): number => 0;

const request = (runId: string, needs: Record<string, number> = {}) => ({
  runId,
  token: JSON.stringify(needs),
  needs,
});

/** Gives free slots away, and lets their runs work there from now on. */
function begin(slots: PoolSlots, now: number): string[] {
  return slots
    .assign(() => true)
    .map(({ lease }) => {
      lease.since = now;
      return lease.runId;
    });
}

test("idle slots take requests as they come, and there is no room before one has had its quantum", () => {
  const slots = new PoolSlots({ slots: 2, resources: {}, random });
  expect(slots.roomAt({})).toBe(0);
  slots.take(request("a"), 0);
  slots.take(request("a"), 0);
  expect(slots.roomAt({})).toBeUndefined();
  expect(slots.take(request("b"), 0)).toBeUndefined();
  expect(begin(slots, 10)).toEqual(["a", "a"]);
  expect(slots.roomAt({})).toBe(10 + QUANTUM_MS);
  expect(slots.take(request("b"), 209)).toBeUndefined();
  const taken = slots.take(request("b"), 210);
  expect(taken).toMatchObject({ how: "granted", rests: { number: 1, isResting: true } });
  expect(begin(slots, 220)).toEqual([]);
  slots.release(slots.slots[0]!.lease!);
  expect(begin(slots, 220)).toEqual(["b"]);
});

test("a run whose own lane is the next to go keeps it", () => {
  const slots = new PoolSlots({ slots: 1, resources: {}, random });
  slots.take(request("a"), 0);
  begin(slots, 0);
  expect(slots.take(request("a"), 300)).toEqual({ how: "renewed" });
  expect(slots.roomAt({})).toBe(300 + QUANTUM_MS);
});

test("whoever waits gets the slot that is free first, not the one that was told to become so", () => {
  const slots = new PoolSlots({ slots: 2, resources: {}, random });
  slots.take(request("long"), 0);
  begin(slots, 0);
  slots.take(request("short"), 1);
  begin(slots, 1);
  expect(slots.take(request("b"), 500)).toMatchObject({ rests: { lease: { runId: "long" } } });
  slots.release(slots.slots[1]!.lease!);
  expect(begin(slots, 510)).toEqual(["b"]);
  slots.release(slots.slots[0]!.lease!);
  expect(slots.roomAt({})).toBe(0);
});

test("resources are the worker's: a lane that needs some waits for the one that has them, whatever else is idle", () => {
  const slots = new PoolSlots({ slots: 3, resources: { GPU: 1 }, random });
  expect(slots.couldHave({ GPU: 2 })).toBe(false);
  expect(slots.roomAt({ CPU: 1 })).toBeUndefined();
  slots.take(request("a", { GPU: 1 }), 0);
  begin(slots, 0);
  expect(slots.roomAt({})).toBe(0);
  expect(slots.roomAt({ GPU: 1 })).toBe(QUANTUM_MS);
  expect(slots.take(request("b", { GPU: 1 }), 300)).toMatchObject({ rests: { lease: { runId: "a" } } });
  expect(begin(slots, 300)).toEqual([]);
  expect(slots.take(request("c"), 300)).toMatchObject({ how: "granted", rests: undefined });
  expect(begin(slots, 300)).toEqual(["c"]);
  slots.release(slots.slots[0]!.lease!);
  expect(begin(slots, 400)).toEqual(["b"]);
});

const STEP_MS = 4;

interface Pool {
  readonly workers: readonly number[];
  readonly runs: number;
  readonly taskMs: number;
  readonly seed: number;
}

/** Numbers from 0 to 1 that look like any. */
function randomFrom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39) + 0x9e3779b9;
    return ((state ^ (state >>> 15)) >>> 0) / 2 ** 32;
  };
}

/**
 * Runs with more tasks than they can ever run, on workers with these numbers of slots; time goes by in milliseconds. Gives
 * how long each run had lanes.
 */
function share({ workers, runs, taskMs, seed }: Pool, forMs: number): number[] {
  const random = randomFrom(seed);
  const pools = workers.map((slots) => new PoolSlots({ slots, resources: {}, random }));
  const queue: number[] = Array.from({ length: runs }, (_, run) => run);
  const asksAgain: { run: number; at: number }[] = [];
  const had = new Array<number>(runs).fill(0);
  const ends = new Map<Lease, number>();
  for (let now = 0; now < forMs; now += STEP_MS) {
    for (const { run, at } of asksAgain.splice(0)) at <= now ? queue.push(run) : asksAgain.push({ run, at });
    // Another worker is the first to ask each time.
    const first = (now / STEP_MS) % pools.length;
    for (const slots of [...pools.slice(first), ...pools.slice(0, first)]) {
      while (queue.length > 0 && (slots.roomAt({}) ?? Number.POSITIVE_INFINITY) <= now) {
        const run = queue.shift()!;
        const taken = slots.take(request(String(run)), now)!;
        asksAgain.push({ run, at: now + (taken.how === "renewed" ? 150 + 200 * random() : 2) });
      }
      for (const slot of slots.slots) {
        const { lease } = slot;
        if (lease === undefined) continue;
        had[Number(lease.runId)]! += STEP_MS;
        if (now < ends.get(lease)!) continue;
        ends.set(lease, now + taskMs);
        if (slot.isResting) slots.release(lease);
      }
      for (const { lease } of slots.assign(() => true)) {
        lease.since = now;
        ends.set(lease, now + taskMs);
      }
    }
  }
  return had;
}

test("runs that could use all lanes get equal shares of them, whatever the workers", () => {
  const pool = fc.record({
    workers: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
    runs: fc.integer({ min: 1, max: 5 }),
    taskMs: fc.integer({ min: 1, max: 200 }),
    seed: fc.integer(),
  });
  fc.assert(
    fc.property(pool, (some) => {
      const had = share(some, 80_000);
      const even = had.reduce((sum, one) => sum + one) / had.length;
      for (const one of had) expect(Math.abs(one - even) / even).toBeLessThan(0.15);
    }),
    { numRuns: 25 },
  );
});
