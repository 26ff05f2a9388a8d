import { expect, test } from "vitest";
import { type Clock, SimulatedClock } from "../base/clock.ts";
import type { DriverState } from "./driver-pulse.ts";
import { DriverWatch } from "./driver-watch.ts";

/** A watch over a driver of which nothing is heard, in simulated time. */
class SilentDriver {
  readonly simulated = new SimulatedClock();
  /** Time that passed while this process did not run. */
  stoppedMs = 0;
  lost = 0;
  readonly watch: DriverWatch;

  constructor(deathTimeoutMs: number, state: DriverState = "silent") {
    const { simulated } = this;
    const clock: Clock = {
      now: () => simulated.now() + this.stoppedMs,
      wallTime: () => 0,
      after: (delayMs, callback) => simulated.after(delayMs, callback),
    };
    const pulse = { feel: () => Promise.resolve(state) };
    this.watch = new DriverWatch({ clock, deathTimeoutMs, pulse, lost: () => this.lost++ });
  }
}

test("a driver that is silent for the whole time is given up", async () => {
  const driver = new SilentDriver(5000);
  await driver.simulated.advance(4000);
  expect(driver.lost).toBe(0);
  await driver.simulated.advance(2000);
  expect(driver.lost).toBe(1);
});

test("a worker that was stopped itself does not take its driver for dead", async () => {
  const driver = new SilentDriver(5000);
  await driver.simulated.advance(900);
  driver.stoppedMs = 40_000;
  await driver.simulated.advance(200);
  expect(driver.lost).toBe(0);
  driver.watch.heard();
  await driver.simulated.advance(4000);
  expect(driver.lost).toBe(0);
});

test("one that is known to be gone is not waited for", async () => {
  const driver = new SilentDriver(60_000, "gone");
  await driver.simulated.advance(2900);
  expect(driver.lost).toBe(0);
  await driver.simulated.advance(1000);
  expect(driver.lost).toBe(1);
});
