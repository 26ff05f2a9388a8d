import { expect, test } from "vitest";
import { SimulatedClock } from "./clock.ts";
import { DeadlineError } from "./errors.ts";
import { delay, withDeadline } from "./wait.ts";

const never = new Promise<never>(() => undefined);

test("gives the value, or the error, when it comes in time, and leaves no timer", async () => {
  const clock = new SimulatedClock();
  const { signal } = new AbortController();
  const wait = (promise: Promise<string>) => withDeadline(promise, "It", { timeoutMs: 10, signal, clock });
  await expect(wait(Promise.resolve("here"))).resolves.toBe("here");
  const error = new Error("its own");
  await expect(wait(Promise.reject(error))).rejects.toBe(error);
  expect(clock.pending).toBe(0);
});

test("fails after the deadline, naming what was waited for and how long", async () => {
  const clock = new SimulatedClock();
  const waiting = withDeadline(never, "The start of worker 3", { timeoutMs: 500, clock });
  const failed = expect(waiting).rejects.toMatchObject({
    message: "The start of worker 3 took longer than 500 ms.",
    timeoutMs: 500,
  });
  await clock.advance(500);
  await failed;
  await expect(waiting).rejects.toBeInstanceOf(DeadlineError);
});

test("fails when the signal fires, with its reason as the cause, and leaves no timer", async () => {
  const clock = new SimulatedClock();
  const controller = new AbortController();
  const reason = new Error("SIGINT");
  const cancelled = { code: "CANCELLED", cause: reason };
  const { signal } = controller;
  const waits = [
    withDeadline(never, "It", { timeoutMs: 500, signal, clock }),
    delay(500, { signal, clock }),
  ].map((wait) => expect(wait).rejects.toMatchObject(cancelled));
  controller.abort(reason);
  await Promise.all(waits);
  expect(clock.pending).toBe(0);
  await expect(delay(500, { signal, clock })).rejects.toMatchObject(cancelled);
});

test("a promise that fails after its wait was given up harms nobody", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  const signal = AbortSignal.abort();
  await expect(withDeadline(promise, "It", { signal })).rejects.toMatchObject({ code: "CANCELLED" });
  reject(new Error("nobody listens any more"));
  await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail this test now
});

test("a delay ends after its time", async () => {
  const clock = new SimulatedClock();
  let over = false;
  const waiting = delay(100, { clock }).then(() => {
    over = true;
  });
  await clock.advance(99);
  expect(over).toBe(false);
  await clock.advance(1);
  await waiting;
});
