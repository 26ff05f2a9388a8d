import type { ProcessFate } from "../base/process-identity.ts";
import type { WorkerId } from "./provider.ts";

/**
 * Something that a run made at a provider and that would outlive it if its driver were killed: a container, a pod, a
 * task. It carries a lease, which the driver renews as long as it lives. What has none that holds is garbage.
 */
export interface Lease {
  /** The provider's own name for it. */
  readonly id: string;
  /** For people: `"container muster-run-3f9a1c04b2-w-1"`. */
  readonly what: string;
  readonly runId: string;
  readonly flowName: string;
  readonly worker: WorkerId | undefined;
  /** In the provider's own words: `"running"`, `"created"`. */
  readonly state: string;
  /** How long it has been there, in milliseconds. */
  readonly ageMs: number;
  /**
   * Milliseconds for which its lease still holds, by the provider's clock; 0 or less: its driver is dead, or a clock was
   * set.
   */
  readonly expiresInMs: number;
  /** Whether its driver lives, where that can be seen from here: then it counts more than any clock. */
  readonly driver?: ProcessFate;
  /** What each renewal changes, where renewals can be seen: then what seems to be dead is watched before it is removed. */
  readonly renewal?: Renewal;
}

/** How a lease was renewed last. */
export interface Renewal {
  /** Another one after each renewal. */
  readonly mark: string;
  /** A driver that lives renews within so many milliseconds, several times. */
  readonly withinMs: number;
}

/**
 * What runs made at one provider, whichever process made it. A provider's package exports one as `leases`, so that
 * `muster cluster ls` and `muster cluster gc` find it.
 */
export interface LeaseKeeper {
  /** For messages: `"docker"`. */
  readonly name: string;
  /** All that Muster made there, and nothing else. Throws an error that says why it cannot be told. */
  list(): Promise<readonly Lease[]>;
  /** Removes it; fine when it is gone already. */
  remove(lease: Lease): Promise<void>;
}
