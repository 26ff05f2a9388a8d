/** How whoever keeps a number of workers goes on after some failed. */
export interface RestartPolicy {
  /** Boot failures in a row, with no worker ready in between, after which it gives up. */
  readonly maxBootFailures: number;
  /** The first replacement comes at once, the second after this many milliseconds, then twice that, … */
  readonly backOffMs: number;
  /** … up to this many milliseconds. */
  readonly maxBackOffMs: number;
  /** A worker that was ready for this many milliseconds, or has done something, was good: the back-off begins anew. */
  readonly stableMs: number;
}

/** What is remembered of how workers fare. A value: `healthAfter` makes the next one. */
export interface Health {
  /** Launches so far; workers that were asked for together share their round. */
  readonly round: number;
  /** The last round when a boot failure was counted. */
  readonly failedRound: number;
  /** Boot failures in a row. */
  readonly bootFailures: number;
  /** Failures in a row of any kind, which the back-off grows with. */
  readonly failures: number;
  readonly lastFailureAt: number;
  /** Not before this time is a worker launched. */
  readonly retryAt: number;
  /** Since when the first worker is waited for; undefined once one was ready, or when none is wanted. */
  readonly waitingSince: number | undefined;
  readonly everReady: boolean;
  /** Trying again cannot help. */
  readonly permanent: boolean;
}

export const NEW_HEALTH: Health = {
  round: 0,
  failedRound: 0,
  bootFailures: 0,
  failures: 0,
  lastFailureAt: Number.NEGATIVE_INFINITY,
  retryAt: Number.NEGATIVE_INFINITY,
  waitingSince: undefined,
  everReady: false,
  permanent: false,
};

/** Something that happened to the workers; `now` in milliseconds of its owner's clock. */
export type HealthEvent =
  | { readonly type: "launched"; readonly now: number }
  | { readonly type: "ready" }
  | { readonly type: "unwanted" }
  /** A worker of `round` was not started, ended before it was ready, or took too long. */
  | { readonly type: "bootFailed"; readonly now: number; readonly round: number; readonly permanent: boolean }
  /** A worker that had been ready for `livedMs` was lost; `hasWorked`: after it had done something. */
  | {
      readonly type: "died";
      readonly now: number;
      readonly livedMs: number;
      readonly hasWorked: boolean;
    };

export function healthAfter(health: Health, event: HealthEvent, policy: RestartPolicy): Health {
  switch (event.type) {
    case "launched": {
      const waitingSince = health.everReady ? undefined : (health.waitingSince ?? event.now);
      return { ...health, round: health.round + 1, waitingSince };
    }
    case "ready":
      return { ...health, bootFailures: 0, waitingSince: undefined, everReady: true };
    case "unwanted":
      return { ...health, waitingSince: undefined };
    case "bootFailed": {
      const permanent = health.permanent || event.permanent;
      // Workers that were asked for before the last counted failure share its cause: twenty that fail
      // together are one failure, and the try after it deserves its chance.
      if (event.round <= health.failedRound) return { ...health, permanent };
      return {
        ...afterFailure(health, event.now, policy),
        bootFailures: health.bootFailures + 1,
        failedRound: health.round,
        permanent,
      };
    }
    case "died": {
      const stable = event.hasWorked || event.livedMs >= policy.stableMs;
      return afterFailure(stable ? { ...health, failures: 0 } : health, event.now, policy);
    }
  }
}

function afterFailure(health: Health, now: number, policy: RestartPolicy): Health {
  const quietMs = now - health.lastFailureAt;
  const longQuiet = quietMs >= Math.max(policy.stableMs, 2 * policy.maxBackOffMs);
  const failures = longQuiet ? 1 : health.failures + 1;
  return { ...health, failures, lastFailureAt: now, retryAt: now + backOffMs(failures, policy) };
}

/** Milliseconds until the replacement after that many failures in a row: 0, b, 2b, 4b, … up to the maximum. */
export function backOffMs(failures: number, policy: RestartPolicy): number {
  if (failures <= 1) return 0;
  return Math.min(policy.backOffMs * 2 ** (failures - 2), policy.maxBackOffMs);
}
