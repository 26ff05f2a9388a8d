import fc from "fast-check";
import { expect, test } from "vitest";
import type { Demand } from "../contracts/worker-link.ts";
import { type AdaptPolicy, resolveAdaptOptions } from "./adapt-options.ts";
import { type AdaptiveMemory, decide } from "./adaptive.ts";

/** Tasks that become ready at one time. */
interface Arrival {
  readonly atMs: number;
  readonly durationsMs: readonly number[];
}

interface Scenario {
  readonly arrivals: readonly Arrival[];
  readonly bootMs: number;
  readonly slots: number;
  readonly policy: AdaptPolicy;
  /** Whether durations are known before the first task ended. */
  readonly known: boolean;
}

interface SimulatedWorker {
  readonly launchedAt: number;
  readonly readyAt: number;
  readonly endsAt: number[];
  draining: boolean;
}

interface Change {
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly demand: Demand;
  /** What would be left when a worker launched now has booted, if no such worker came. */
  readonly atBoot: { readonly ready: number; readonly busy: boolean };
  readonly live: number;
}

const STEP_MS = 250;
/** Long enough after the last task for every delay to pass. */
const REST_MS = 200_000;

/** A cluster in which everything goes as expected, in steps of a quarter of a second. */
class Simulation {
  now = 0;
  wanted: number;
  readonly changes: Change[] = [];
  readonly #queue: number[] = [];
  #workers: SimulatedWorker[] = [];
  #ended = 0;
  #endedMs = 0;
  #memory: AdaptiveMemory = {};
  readonly #scenario: Scenario;
  readonly #arrivals: Arrival[];

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#arrivals = [...scenario.arrivals].sort((a, b) => a.atMs - b.atMs);
    this.wanted = scenario.policy.initial;
    this.#reconcile();
  }

  run(): this {
    let restUntil = REST_MS;
    while (this.now < restUntil) {
      this.#advance();
      if (this.now % this.#scenario.policy.intervalMs === 0) this.#decide();
      if (this.#arrivals.length > 0 || this.#busy) restUntil = this.now + REST_MS;
    }
    return this;
  }

  get #busy(): boolean {
    return this.#queue.length > 0 || this.#workers.some((worker) => worker.endsAt.length > 0);
  }

  #advance(): void {
    this.now += STEP_MS;
    while (this.#arrivals[0] !== undefined && this.#arrivals[0].atMs <= this.now) {
      this.#queue.push(...this.#arrivals.shift()!.durationsMs);
    }
    this.#work();
  }

  #work(): void {
    for (const worker of this.#workers) {
      for (let index = worker.endsAt.length - 1; index >= 0; index--) {
        if (worker.endsAt[index]! <= this.now) worker.endsAt.splice(index, 1);
      }
      while (this.#takes(worker)) {
        const durationMs = this.#queue.shift()!;
        worker.endsAt.push(this.now + durationMs);
        this.#ended++;
        this.#endedMs += durationMs;
      }
    }
    this.#workers = this.#workers.filter((worker) => !(worker.draining && worker.endsAt.length === 0));
  }

  #takes(worker: SimulatedWorker): boolean {
    if (worker.draining || worker.readyAt > this.now) return false;
    return this.#queue.length > 0 && worker.endsAt.length < this.#scenario.slots;
  }

  #demand(): Demand {
    const { known } = this.#scenario;
    const ready = this.#queue.length;
    const ends = this.#workers.flatMap((worker) => worker.endsAt);
    const anyKnown = known || this.#ended > 0;
    return {
      ready,
      running: ends.length,
      unknown: anyKnown ? 0 : ready,
      knownMs: known ? sum(this.#queue) : anyKnown ? ready * (this.#endedMs / this.#ended) : 0,
      remainingMs: sum(ends.map((end) => end - this.now)),
      open: this.#arrivals.length > 0,
    };
  }

  #decide(): void {
    const { slots, bootMs, policy } = this.#scenario;
    const live = this.#workers.filter((worker) => !worker.draining);
    const demand = this.#demand();
    const decision = decide(
      {
        now: this.now,
        demand,
        slotsPerWorker: slots,
        wanted: this.wanted,
        ready: live.filter((worker) => worker.readyAt <= this.now).length,
        bootingForMs: live
          .filter((worker) => worker.readyAt > this.now)
          .map((worker) => this.now - worker.launchedAt),
        runningOnDraining: sum(this.#workers.map((worker) => (worker.draining ? worker.endsAt.length : 0))),
        bootMs,
      },
      policy,
      this.#memory,
    );
    this.#memory = decision.memory;
    if (decision.wanted === this.wanted) return;
    const atBoot = this.#leftAfter(bootMs);
    this.changes.push({
      at: this.now,
      from: this.wanted,
      to: decision.wanted,
      demand,
      atBoot,
      live: live.length,
    });
    this.wanted = decision.wanted;
    this.#reconcile();
  }

  #leftAfter(ms: number): Change["atBoot"] {
    const future = new Simulation({ ...this.#scenario, arrivals: [] });
    future.now = this.now;
    future.#queue.push(...this.#queue);
    future.#workers = this.#workers.map((worker) => ({ ...worker, endsAt: [...worker.endsAt] }));
    while (future.now + STEP_MS < this.now + ms) future.#advance();
    return { ready: future.#queue.length, busy: future.#busy };
  }

  #reconcile(): void {
    const live = this.#workers.filter((worker) => !worker.draining);
    for (let missing = this.wanted - live.length; missing > 0; missing--) {
      const { bootMs } = this.#scenario;
      this.#workers.push({ launchedAt: this.now, readyAt: this.now + bootMs, endsAt: [], draining: false });
    }
    const idleFirst = live.sort((a, b) => a.endsAt.length - b.endsAt.length);
    for (const worker of idleFirst.slice(0, Math.max(0, live.length - this.wanted))) worker.draining = true;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

const burst = fc.record({
  atMs: fc.integer({ min: 0, max: 400_000 }),
  durationsMs: fc
    .tuple(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 50, max: 20_000 }))
    .map(([n, ms]) => Array(n).fill(ms)),
});
const bursty = fc.array(burst, { minLength: 1, maxLength: 8 });
const ramping = fc
  .tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 100, max: 5_000 }))
  .map(([step, ms]) =>
    Array.from({ length: 30 }, (_, index) => ({
      atMs: index * 4_000,
      durationsMs: Array(step * index).fill(ms),
    })),
  );
const periodic = fc
  .tuple(
    fc.integer({ min: 2_000, max: 90_000 }),
    fc.integer({ min: 1, max: 60 }),
    fc.integer({ min: 100, max: 10_000 }),
  )
  .map(([periodMs, n, ms]) =>
    Array.from({ length: 8 }, (_, k) => ({ atMs: k * periodMs, durationsMs: Array(n).fill(ms) })),
  );
const longTailed = fc
  .array(fc.double({ min: 0.002, max: 1, noNaN: true }), { minLength: 5, maxLength: 80 })
  .map((chances) => [{ atMs: 0, durationsMs: chances.map((chance) => Math.round(500 / chance ** 1.2)) }]);

const scenarios = fc
  .record({
    arrivals: fc.oneof(bursty, ramping, periodic, longTailed),
    bootMs: fc.constantFrom(250, 2_000, 15_000, 60_000),
    slots: fc.integer({ min: 1, max: 4 }),
    known: fc.boolean(),
    minimum: fc.constantFrom(0, 0, 2),
    maximum: fc.integer({ min: 2, max: 40 }),
    upDelayMs: fc.constantFrom(0, 2_000),
    downDelayMs: fc.constantFrom(undefined, 0, 10_000),
  })
  .map(({ minimum, maximum, upDelayMs, downDelayMs, ...rest }): Scenario => {
    return { ...rest, policy: resolveAdaptOptions({ minimum, maximum, upDelayMs, downDelayMs }, 10) };
  });

test("bursty, ramping, periodic and long-tailed loads", () => {
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const { policy, slots, bootMs, known } = scenario;
      const simulation = new Simulation(scenario).run();
      const turns: number[] = [];
      simulation.changes.forEach((change, index) => {
        // Never outside the bounds, never more than there are slots wanted.
        expect(change.to).toBeGreaterThanOrEqual(policy.minimum);
        expect(change.to).toBeLessThanOrEqual(policy.maximum);
        const up = change.to > change.from;
        if (up) {
          const tasks = change.demand.ready + change.demand.running;
          expect(change.to).toBeLessThanOrEqual(Math.max(policy.minimum, Math.ceil(tasks / slots)));
          // No worker that boots after the backlog is gone; the first one has to come all the same.
          if (known && change.live > 0) expect(change.atBoot.busy).toBe(true);
        }
        // No thrash: of the changes within a boot time, at most one turns the direction.
        const before = simulation.changes[index - 1];
        if (before !== undefined && before.to > before.from !== up && change.at - before.at < bootMs)
          turns.push(change.at);
      });
      turns.slice(1).forEach((at, index) => void expect(at - turns[index]!).toBeGreaterThanOrEqual(bootMs));
      // All work was done (or `run` would not have ended), and the cluster came to rest at its minimum.
      expect(simulation.wanted).toBe(policy.minimum);
    }),
    { numRuns: 150 },
  );
});

test("a constant load converges: after a while nothing changes any more", () => {
  const policy = resolveAdaptOptions({ maximum: 40 }, 10);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.constantFrom(2_000, 15_000), (perSecond, bootMs) => {
      const arrivals = Array.from({ length: 400 }, (_, k) => ({
        atMs: k * 1_000,
        durationsMs: Array(perSecond).fill(1_000),
      }));
      const { changes } = new Simulation({ arrivals, bootMs, slots: 1, known: true, policy }).run();
      expect(changes.filter(({ at }) => at > 250_000 && at < 400_000)).toEqual([]);
    }),
    { numRuns: 20 },
  );
});

test("with tasks of one length, no longer than a boot, every new worker finds one to start", () => {
  const bursts = fc.array(fc.tuple(fc.nat(60_000), fc.integer({ min: 1, max: 30 })), { maxLength: 20 });
  const boots = fc.constantFrom([2_000, 2_000], [500, 2_000], [4_000, 5_000], [10_000, 60_000]);
  fc.assert(
    fc.property(bursts, boots, fc.integer({ min: 1, max: 3 }), (load, [taskMs, bootMs], slots) => {
      const arrivals = load.map(([atMs, count]) => ({ atMs, durationsMs: Array(count).fill(taskMs) }));
      const policy = resolveAdaptOptions({ maximum: 40, targetDurationMs: 1_000 }, 10);
      const { changes } = new Simulation({ arrivals, bootMs: bootMs!, slots, known: true, policy }).run();
      for (const { from, to, live, atBoot } of changes) {
        if (to > from && live > 0) expect(atBoot.ready).toBeGreaterThan((to - from - 1) * slots);
      }
    }),
    { numRuns: 100 },
  );
});
