import { toError } from "../base/errors.ts";
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
  /** Milliseconds for which its lease still holds, by the provider's clock; 0 or less: its driver is dead. */
  readonly expiresInMs: number;
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

/** What a collection found and did. */
export interface GarbageReport {
  /** What was removed, or, in a dry run, would be. */
  readonly removed: readonly Lease[];
  /** What still has a driver. */
  readonly kept: readonly Lease[];
  readonly failed: readonly { readonly lease: Lease; readonly reason: string }[];
}

/** Removes what has no lease that holds, and nothing else. */
export async function collectGarbage(
  keeper: LeaseKeeper,
  options: { readonly dryRun?: boolean } = {},
): Promise<GarbageReport> {
  const leases = await keeper.list();
  const kept = leases.filter(({ expiresInMs }) => expiresInMs > 0);
  const removed: Lease[] = [];
  const failed: { lease: Lease; reason: string }[] = [];
  const expired = leases.filter(({ expiresInMs }) => expiresInMs <= 0);
  await Promise.all(
    expired.map(async (lease) => {
      try {
        if (options.dryRun !== true) await keeper.remove(lease);
        removed.push(lease);
      } catch (error) {
        failed.push({ lease, reason: toError(error).message });
      }
    }),
  );
  return { removed, kept, failed };
}
