import { checkNumber, checkOptionNames, requireNumber } from "../base/check-options.ts";
import type { Clock } from "../base/clock.ts";
import { DeadlineError } from "../base/errors.ts";
import { withDeadline } from "../base/wait.ts";
import { describeDeath } from "./cluster-start-error.ts";
import type { Roster } from "./roster.ts";

export interface WaitForWorkersOptions {
  /** Milliseconds. @default the cluster's startTimeoutMs */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** @throws InvalidOptionError */
export function checkWait(
  workers: unknown,
  options: WaitForWorkersOptions,
  defaultTimeoutMs: number,
): { readonly timeoutMs: number; readonly signal: AbortSignal | undefined } {
  requireNumber(workers, { option: "workers", min: 0, whole: true });
  checkOptionNames(options, ["timeoutMs", "signal"], { where: "waitForWorkers()" });
  const rule = { option: "timeoutMs", min: 0, infinite: true };
  return { timeoutMs: checkNumber(options.timeoutMs, defaultTimeoutMs, rule), signal: options.signal };
}

/** Who waits until a number of workers is ready. */
export class Waiting {
  readonly #waiters = new Set<{ readonly count: number; resolve(): void; reject(error: Error): void }>();

  /** Lets go who waits for at most this many. */
  ready(count: number): void {
    for (const waiter of this.#waiters) if (count >= waiter.count) waiter.resolve();
  }

  /** Nobody gets what it waits for. */
  fail(error: Error): void {
    for (const waiter of this.#waiters) waiter.reject(error);
  }

  /** Who waits for more than this many waits in vain. */
  failAbove(maximum: number, why: (count: number) => Error): void {
    for (const waiter of this.#waiters) if (waiter.count > maximum) waiter.reject(why(waiter.count));
  }

  /** Until that many are ready. @throws DeadlineError saying how many are, and what became of the others */
  async until(
    count: number,
    roster: Roster,
    options: { timeoutMs: number; signal?: AbortSignal | undefined; clock: Clock },
  ): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { count, resolve, reject };
    this.#waiters.add(waiter);
    try {
      await withDeadline(promise, `The wait for ${count} workers`, options);
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      throw new DeadlineError(explain(count, roster, options), options.timeoutMs, { cause: error });
    } finally {
      this.#waiters.delete(waiter);
    }
  }
}

function explain(
  count: number,
  roster: Roster,
  { timeoutMs, clock }: { timeoutMs: number; clock: Clock },
): string {
  const { present, lastFailure } = roster;
  const ready = present.filter(({ state }) => state === "ready").length;
  const others = present
    .filter(({ state }) => state !== "ready")
    .map(({ id, state, since, seen }) => {
      const words = seen.reason === undefined ? "" : ` (${seen.reason})`;
      return `${id} has been ${state} for ${Math.round(clock.now() - since)} ms${words}`;
    });
  const failure =
    lastFailure === undefined
      ? []
      : [`the last to fail was ${describeDeath(lastFailure.worker, lastFailure.death)}`];
  const why = [...others, ...failure].join("; ");
  return `${ready} of ${count} workers were ready after ${timeoutMs} ms${why === "" ? "." : `: ${why}`}`;
}
