import { checkNumber, requireNumber } from "./check-options.ts";
import { type Clock, systemClock } from "./clock.ts";
import { DeadlineError, MusterError } from "./errors.ts";

/** How long to wait, and what ends the wait early. */
export interface WaitOptions {
  /** Milliseconds. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
  clock?: Clock;
}

/** The error of a wait that `signal` ended. */
export function abortedError(what: string, signal: AbortSignal): MusterError {
  return new MusterError("CANCELLED", `${what} was cancelled.`, { cause: signal.reason });
}

/**
 * `promise`, or an error once the deadline passed or the signal fired. The work behind the promise is not
 * stopped: whoever waits says what it waited for in `what` ("The start of worker 3").
 * @throws InvalidOptionError, as a rejection, for a `timeoutMs` that is no number from 0 on
 */
export function withDeadline<T>(promise: PromiseLike<T>, what: string, options: WaitOptions): Promise<T> {
  const { timeoutMs, signal, clock = systemClock } = options;
  return new Promise<T>((resolve, reject) => {
    checkNumber(timeoutMs, 0, { option: "timeoutMs", min: 0, infinite: true });
    if (signal?.aborted) {
      // Nobody else may listen for its error, which would then end the process.
      promise.then(undefined, () => undefined);
      reject(abortedError(what, signal));
      return;
    }
    const timer =
      timeoutMs === undefined
        ? undefined
        : clock.after(timeoutMs, () => {
            end();
            reject(new DeadlineError(`${what} took longer than ${timeoutMs} ms.`, timeoutMs));
          });
    const onAbort = (): void => {
      end();
      reject(abortedError(what, signal!));
    };
    const end = (): void => {
      timer?.cancel();
      signal?.removeEventListener("abort", onAbort);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    promise.then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(error);
      },
    );
  });
}

/** Resolves after `delayMs`; rejects as cancelled once `signal` fires. */
export function delay(delayMs: number, options: Omit<WaitOptions, "timeoutMs"> = {}): Promise<void> {
  const { signal, clock = systemClock } = options;
  return new Promise<void>((resolve, reject) => {
    requireNumber(delayMs, { option: "delayMs", min: 0, infinite: true });
    if (signal?.aborted) {
      reject(abortedError("A delay", signal));
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(abortedError("A delay", signal!));
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
