import { expect, test } from "vitest";
import { SimulatedClock, systemClock } from "./clock.ts";

test("simulated timers fire in order of their time, and then of their making, each at its own time", async () => {
  const clock = new SimulatedClock();
  const fired: string[] = [];
  const note = (name: string) => () => fired.push(`${name} at ${clock.now()}`);
  clock.after(20, note("late"));
  clock.after(10, note("first"));
  clock.after(10, note("second"));
  clock.after(-5, note("at once"));

  await clock.advance(15);
  expect(fired).toEqual(["at once at 0", "first at 10", "second at 10"]);
  expect([clock.now(), clock.wallTime(), clock.pending]).toEqual([15, 15, 1]);

  await clock.advance(5);
  expect(fired.at(-1)).toBe("late at 20");
});

test("a simulated timer that a timer or a promise sets on the way fires on the way", async () => {
  const clock = new SimulatedClock();
  const fired: number[] = [];
  const again = (): void => {
    fired.push(clock.now());
    void Promise.resolve().then(() => clock.after(10, again));
  };
  clock.after(10, again);
  await clock.advance(35);
  expect(fired).toEqual([10, 20, 30]);
});

test("a cancelled timer does not fire, and cancelling twice or late does nothing", async () => {
  const clock = new SimulatedClock();
  let fired = 0;
  const cancelled = clock.after(5, () => fired++);
  const kept = clock.after(5, () => fired++);
  cancelled.cancel();
  cancelled.cancel();
  await clock.advance(5);
  kept.cancel();
  expect([fired, clock.pending]).toEqual([1, 0]);
});

test("the system's clock goes forward, and a delay that setTimeout cannot take does not fire at once", async () => {
  const before = systemClock.now();
  let early = false;
  const years = systemClock.after(1e12, () => {
    early = true;
  });
  await new Promise<void>((resolve) => void systemClock.after(1, resolve));
  years.cancel();
  expect(early).toBe(false);
  expect(systemClock.now()).toBeGreaterThan(before);
});
