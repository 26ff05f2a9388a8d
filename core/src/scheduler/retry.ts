import { checkNumber, checkOptionNames } from "../base/check-options.ts";
import { InvalidOptionError } from "../base/errors.ts";

/** Milliseconds to wait before the next attempt: a number, or a function of the attempt that failed, from 1. */
export type RetryDelay = number | ((attempt: number) => number);

export interface ExponentialOptions {
  /** Milliseconds before the second attempt. @default 1000 */
  initial?: number;
  /** How much longer each wait is than the one before. @default 2 */
  factor?: number;
  /** Milliseconds that no wait exceeds. @default 60000 */
  maximum?: number;
  /** How much of each wait is left to chance, from 0 to 1, so that many tasks do not come back at once. @default 0.5 */
  jitter?: number;
}

/**
 * A back-off that grows: `initial * factor ** (attempt - 1)`, at most `maximum`, of which up to the share `jitter` is
 * taken away at random.
 */
export function exponential(
  options: ExponentialOptions = {},
  random: () => number = Math.random,
): (attempt: number) => number {
  checkOptionNames(options, ["initial", "factor", "maximum", "jitter"], { where: "exponential()" });
  const number = (option: keyof ExponentialOptions, fallback: number, min: number): number =>
    checkNumber(options[option], fallback, { option, min, infinite: option === "maximum" });
  const initial = number("initial", 1000, 0);
  const factor = number("factor", 2, 1);
  const maximum = number("maximum", 60_000, 0);
  const jitter = number("jitter", 0.5, 0);
  if (jitter > 1) throw new InvalidOptionError("jitter", `jitter must be at most 1, but it is ${jitter}.`);
  return (attempt) => Math.min(initial * factor ** (attempt - 1), maximum) * (1 - jitter * random());
}

/** @returns milliseconds, never negative */
export function delayBeforeRetry(delay: RetryDelay, failedAttempt: number): number {
  const delayMs = typeof delay === "function" ? delay(failedAttempt) : delay;
  return Number.isFinite(delayMs) ? Math.max(0, delayMs) : 0;
}
