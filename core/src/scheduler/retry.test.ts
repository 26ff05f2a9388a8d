import fc from "fast-check";
import { expect, test } from "vitest";
import { InvalidOptionError } from "../base/errors.ts";
import { delayBeforeRetry, exponential } from "./retry.ts";

test("without chance, each wait is the factor longer than the one before, up to the maximum", () => {
  const backOff = exponential({ initial: 100, factor: 3, maximum: 1000, jitter: 0 });
  expect([1, 2, 3, 4, 5000].map(backOff)).toEqual([100, 300, 900, 1000, 1000]);
});

test("by default it waits a second, then two, then four, of which chance takes up to half", () => {
  const longest = exponential({}, () => 0);
  const shortest = exponential({}, () => 1);
  expect([1, 2, 3, 7].map(longest)).toEqual([1000, 2000, 4000, 60_000]);
  expect([1, 2, 3, 7].map(shortest)).toEqual([500, 1000, 2000, 30_000]);
});

test("options that make no back-off are refused by name", () => {
  for (const [option, options] of [
    ["initial", { initial: -1 }],
    ["factor", { factor: 0.5 }],
    ["jitter", { jitter: 2 }],
    ["initial", { initial: Number.NaN }],
  ] as const) {
    expect(() => exponential(options)).toThrow(InvalidOptionError);
    expect(() => exponential(options)).toThrow(option);
  }
});

test("a delay is a number, or a function of the attempt that failed", () => {
  expect(delayBeforeRetry(250, 3)).toBe(250);
  expect(delayBeforeRetry((attempt) => attempt * 10, 3)).toBe(30);
});

test("whatever a function says, the delay is a time that one can wait", () => {
  fc.assert(
    fc.property(fc.double(), (said) => {
      const delayMs = delayBeforeRetry(() => said, 1);
      expect(Number.isFinite(delayMs) && delayMs >= 0).toBe(true);
    }),
  );
});
