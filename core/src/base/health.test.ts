import fc from "fast-check";
import { expect, test } from "vitest";
import {
  backOffMs,
  type Health,
  type HealthEvent,
  healthAfter,
  NEW_HEALTH,
  type RestartPolicy,
} from "./health.ts";

const policy: RestartPolicy = { maxBootFailures: 3, backOffMs: 100, maxBackOffMs: 10_000, stableMs: 1_000 };

function after(...events: HealthEvent[]): Health {
  return events.reduce((health, event) => healthAfter(health, event, policy), NEW_HEALTH);
}

const died = (now: number, livedMs: number, hasWorked = false): HealthEvent => ({
  type: "died",
  now,
  livedMs,
  hasWorked,
});
const launched: HealthEvent = { type: "launched", now: 0 };
const bootFailed = (round: number, permanent = false): HealthEvent => ({
  type: "bootFailed",
  now: 0,
  round,
  permanent,
});

test("the back-off doubles from nothing up to its cap", () => {
  expect([1, 2, 3, 4, 5, 50].map((failures) => backOffMs(failures, policy))).toEqual([
    0, 100, 200, 400, 800, 10_000,
  ]);
});

test("a worker that lived long enough lets the back-off begin anew", () => {
  expect(after(died(0, 10), died(10, 10), died(20, 10)).retryAt).toBe(220);
  expect(after(died(0, 10), died(10, 10), died(20, 1_000)).retryAt).toBe(20);
});

test("so does one that has done something, however short it lived", () => {
  expect(after(died(0, 10), died(10, 10), died(20, 10, true)).retryAt).toBe(20);
});

test("a quiet time lets the back-off begin anew", () => {
  expect(after(died(0, 10), died(10, 10), died(30_000, 10)).retryAt).toBe(30_000);
});

test("workers that were asked for together and fail together are one failure", () => {
  expect(after(launched, bootFailed(1), bootFailed(1), bootFailed(1)).bootFailures).toBe(1);
  expect(after(launched, bootFailed(1), launched, bootFailed(2), bootFailed(1)).bootFailures).toBe(2);
});

test("a worker that gets ready ends the row of boot failures", () => {
  expect(after(launched, bootFailed(1), { type: "ready" }, launched, bootFailed(2)).bootFailures).toBe(1);
});

test("what is permanent stays so, also when its failure is not counted", () => {
  expect(after(launched, bootFailed(1), bootFailed(1, true), { type: "ready" }).permanent).toBe(true);
});

test("a launch never waits longer than the cap", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5_000), fc.nat(2_000))), (deaths) => {
      let now = 0;
      let health = NEW_HEALTH;
      for (const [waitMs, livedMs] of deaths) {
        now += waitMs;
        health = healthAfter(health, died(now, livedMs), policy);
        expect(health.retryAt).toBeGreaterThanOrEqual(now);
        expect(health.retryAt).toBeLessThanOrEqual(now + policy.maxBackOffMs);
      }
    }),
  );
});
