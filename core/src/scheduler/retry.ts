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
  const { initial = 1000, factor = 2, maximum = 60_000, jitter = 0.5 } = options;
  if (!(initial >= 0))
    throw new InvalidOptionError(
      "initial",
      `exponential: initial is ${initial}, not milliseconds from 0 on.`,
    );
  if (!(factor >= 1))
    throw new InvalidOptionError("factor", `exponential: factor is ${factor}, not a number from 1 on.`);
  if (!(maximum >= 0))
    throw new InvalidOptionError(
      "maximum",
      `exponential: maximum is ${maximum}, not milliseconds from 0 on.`,
    );
  if (!(jitter >= 0 && jitter <= 1))
    throw new InvalidOptionError("jitter", `exponential: jitter is ${jitter}, not from 0 to 1.`);
  return (attempt) => Math.min(initial * factor ** (attempt - 1), maximum) * (1 - jitter * random());
}

/** @returns milliseconds, never negative */
export function delayBeforeRetry(delay: RetryDelay, failedAttempt: number): number {
  const delayMs = typeof delay === "function" ? delay(failedAttempt) : delay;
  return Number.isFinite(delayMs) ? Math.max(0, delayMs) : 0;
}
