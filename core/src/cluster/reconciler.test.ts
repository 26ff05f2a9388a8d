import fc from "fast-check";
import { expect, test } from "vitest";
import { type Health, healthAfter, NEW_HEALTH } from "../base/health.ts";
import { type Plan, type ReconcilePolicy, reconcile, type WorkerRecord } from "./reconciler.ts";
import { isBooting, isLive, nextState, WORKER_TRANSITIONS, type WorkerState } from "./worker-state.ts";

const policy: ReconcilePolicy = {
  maxBootFailures: 3,
  backOffMs: 100,
  maxBackOffMs: 10_000,
  stableMs: 1_000,
  startTimeoutMs: 60_000,
  drainTimeoutMs: 30_000,
};

const worker = (id: string, state: WorkerState, more: Partial<WorkerRecord> = {}): WorkerRecord => ({
  id,
  state,
  launchedAt: 0,
  since: 0,
  running: 0,
  ...more,
});

function plan(
  wanted: number,
  workers: WorkerRecord[],
  more: { health?: Partial<Health>; now?: number } = {},
): Plan {
  const health = { ...NEW_HEALTH, ...more.health };
  return reconcile({ wanted, workers, health, now: more.now ?? 1_000 }, policy);
}

test("what boots counts as there, so nothing is asked for twice", () => {
  expect(plan(4, [worker("a", "launching"), worker("b", "booting"), worker("c", "ready")]).launch).toBe(1);
});

test("a slow boot holds up neither more workers nor fewer", () => {
  const slow = worker("slow", "launching", { launchedAt: 0 });
  expect(plan(5, [slow], { now: 59_000 }).launch).toBe(4);
  expect(plan(0, [slow], { now: 59_000 }).stop).toEqual([{ id: "slow", cause: "unwanted" }]);
});

test("too many: those not ready go first, then the idle, then those that run least, then the youngest", () => {
  const workers = [
    worker("busy", "ready", { running: 4 }),
    worker("old", "ready", { launchedAt: 1 }),
    worker("young", "ready", { launchedAt: 2 }),
    worker("light", "ready", { running: 1 }),
    worker("booting", "booting"),
    worker("launching", "launching"),
  ];
  const gone = (wanted: number) => {
    const { stop, drain } = plan(wanted, workers);
    return [...stop.map(({ id }) => id), ...drain];
  };
  expect(gone(6)).toEqual([]);
  expect(gone(5)).toEqual(["launching"]);
  expect(gone(4)).toEqual(["launching", "booting"]);
  expect(gone(3)).toEqual(["launching", "booting", "young"]);
  expect(gone(0)).toEqual(["launching", "booting", "young", "old", "light", "busy"]);
  expect(plan(0, workers).drain).toEqual(["young", "old", "light", "busy"]);
});

test("a worker that drains is not called back: a new one is asked for", () => {
  expect(plan(1, [worker("a", "draining")])).toMatchObject({ launch: 1, drain: [], stop: [] });
});

test("a boot and a drain have their deadlines", () => {
  const workers = [worker("boots", "booting"), worker("drains", "draining", { since: 50_000 })];
  expect(plan(1, workers, { now: 59_999 })).toMatchObject({ stop: [], wakeAt: 60_000 });
  expect(plan(1, workers, { now: 60_000 })).toMatchObject({
    stop: [{ id: "boots", cause: "boot-timeout" }],
    wakeAt: 80_000,
  });
  expect(plan(1, workers, { now: 80_000 }).stop).toContainEqual({ id: "drains", cause: "drain-timeout" });
});

test("the back-off says when the next launch is", () => {
  expect(plan(2, [], { health: { retryAt: 1_500 } })).toMatchObject({ launch: 0, wakeAt: 1_500 });
  expect(plan(2, [], { health: { retryAt: 1_500 }, now: 1_500 }).launch).toBe(2);
});

test("gives up when no worker is left and trying again does not help", () => {
  expect(plan(1, [], { health: { permanent: true } }).giveUp).toBe("permanent");
  expect(plan(1, [], { health: { bootFailures: 3 } }).giveUp).toBe("boot-failures");
  expect(plan(1, [], { health: { waitingSince: 0 }, now: 60_000 }).giveUp).toBe("start-timeout");
  expect(plan(0, [], { health: { permanent: true } }).giveUp).toBeUndefined();
});

test("after too many boot failures the last ones that boot get their chance", () => {
  expect(plan(2, [worker("a", "booting")], { health: { bootFailures: 3 } })).toMatchObject({
    launch: 0,
    giveUp: undefined,
  });
});

test("with a worker ready it goes on: tries on after boot failures, and not after a permanent one", () => {
  const ready = [worker("a", "ready")];
  expect(plan(3, ready, { health: { bootFailures: 9 } })).toMatchObject({ launch: 2, giveUp: undefined });
  expect(plan(3, ready, { health: { permanent: true } })).toMatchObject({ launch: 0, giveUp: undefined });
});

const anyWorkers = fc
  .array(
    fc.record({
      state: fc.constantFrom(...(Object.keys(WORKER_TRANSITIONS) as WorkerState[])),
      launchedAt: fc.nat(100_000),
      running: fc.nat(3),
    }),
    { maxLength: 12 },
  )
  .map((records) =>
    records.map((record, index) =>
      worker(`w-${index}`, record.state, { ...record, since: record.launchedAt }),
    ),
  );

test("a plan never ends a running task, never launches what is not missing, and one look is enough", () => {
  fc.assert(
    fc.property(anyWorkers, fc.nat(12), fc.nat(150_000), fc.nat(4), (workers, wanted, now, bootFailures) => {
      const health = { ...NEW_HEALTH, bootFailures };
      const made = reconcile({ wanted, workers, health, now }, policy);
      const live = workers.filter(({ state }) => isLive(state)).length;
      expect(made.launch).toBeLessThanOrEqual(Math.max(0, wanted - live));
      expect(made.wakeAt).toBeGreaterThan(now);
      for (const { id, cause } of made.stop) {
        const { state } = workers.find((one) => one.id === id)!;
        expect(cause === "drain-timeout" ? state === "draining" : isBooting(state)).toBe(true);
      }
      if (made.giveUp !== undefined) return;

      const after = applied(workers, made, now);
      const again = reconcile({ wanted, workers: after, health, now }, policy);
      expect(again.drain).toEqual([]);
      expect(again.stop).toEqual([]);
      const timedOut = made.stop.some(({ cause }) => cause === "boot-timeout");
      if (!timedOut) expect(again.launch).toBe(0);
      if (!timedOut && bootFailures < policy.maxBootFailures) {
        expect(after.filter(({ state }) => isLive(state))).toHaveLength(wanted);
      }
    }),
  );
});

function applied(workers: readonly WorkerRecord[], made: Plan, now: number): WorkerRecord[] {
  const stopped = new Set(made.stop.map(({ id }) => id));
  const old = workers.map((record) => {
    const signal = stopped.has(record.id)
      ? "stopped"
      : made.drain.includes(record.id)
        ? "retired"
        : undefined;
    return signal === undefined ? record : { ...record, state: nextState(record.state, signal), since: now };
  });
  const launched = Array.from({ length: made.launch }, (_, index) =>
    worker(`new-${index}`, "launching", { launchedAt: now, since: now }),
  );
  return [...old, ...launched];
}

test("workers that never boot stop the cluster after three tries, whatever their number", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), (wanted) => {
      let health = NEW_HEALTH;
      let now = 0;
      let launches = 0;
      for (;;) {
        const made = reconcile({ wanted, workers: [], health, now }, policy);
        if (made.giveUp !== undefined) {
          expect(made.giveUp).toBe("boot-failures");
          expect(launches).toBe(3 * wanted);
          return;
        }
        if (made.launch === 0) {
          now = made.wakeAt;
          continue;
        }
        launches += made.launch;
        health = healthAfter(health, { type: "launched", now }, policy);
        for (let index = 0; index < made.launch; index++) {
          const { round } = health;
          health = healthAfter(health, { type: "bootFailed", now, round, permanent: false }, policy);
        }
      }
    }),
  );
});
