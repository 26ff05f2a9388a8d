import type { Clock } from "../base/clock.ts";
import { toError } from "../base/errors.ts";
import { delay, type WaitOptions, withDeadline } from "../base/wait.ts";
import type { Lease, LeaseKeeper } from "../contracts/leases.ts";

/** What a collection found and did. */
export interface GarbageReport {
  /** What was removed, or, in a dry run, would be. */
  readonly removed: readonly Lease[];
  /** What still has a driver. */
  readonly kept: readonly Lease[];
  readonly failed: readonly { readonly lease: Lease; readonly reason: string }[];
}

export interface CollectOptions {
  /** Only tells what would be removed, if it is not renewed meanwhile. @default false */
  readonly dryRun?: boolean;
  /** What is watched, and for how many milliseconds at most. */
  readonly watching?: (leases: readonly Lease[], forMs: number) => void;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** Milliseconds that a keeper has to list what there is, or to remove one thing. */
const KEEPER_MS = 2 * 60_000;

/**
 * Removes what has no lease that holds, and nothing else.
 *
 * No clock has to be right, and none may never be set: times only tell what is worth a second look. Of that, what has a
 * driver that can be seen to live stays, and what has one that can be seen to be gone is removed; what is left is watched
 * for as long as its lease holds, by the clock of this process that only goes forward, and stays if it is renewed.
 * @throws MusterError `CANCELLED`, `DEADLINE`, and what the keeper throws when it cannot tell what there is
 */
export async function collectGarbage(
  keeper: LeaseKeeper,
  options: CollectOptions = {},
): Promise<GarbageReport> {
  const first = await listLeases(keeper, options);
  const seemDead = first.filter(({ driver, expiresInMs }) => driver !== "lives" && expiresInMs <= 0);
  const watched = seemDead.filter(({ driver, renewal }) => driver !== "gone" && renewal !== undefined);
  const alive = options.dryRun === true ? new Set<string>() : await renewedOf(keeper, watched, options);
  const dead = new Set(seemDead.map(({ id }) => id).filter((id) => !alive.has(id)));
  const removed: Lease[] = [];
  const failed: { lease: Lease; reason: string }[] = [];
  await Promise.all(
    first.map(async (lease) => {
      if (!dead.has(lease.id)) return;
      try {
        if (options.dryRun !== true)
          await withDeadline(keeper.remove(lease), `Removing ${lease.what}`, patience(options));
        removed.push(lease);
      } catch (error) {
        failed.push({ lease, reason: toError(error).message });
      }
    }),
  );
  return { removed, kept: first.filter(({ id }) => !dead.has(id)), failed };
}

/**
 * What the keeper knows of.
 * @throws MusterError `DEADLINE` when it does not tell within two minutes
 */
export function listLeases(
  keeper: LeaseKeeper,
  options: Pick<CollectOptions, "signal" | "clock"> = {},
): Promise<readonly Lease[]> {
  return withDeadline(keeper.list(), `Asking ${keeper.name} what there is`, patience(options));
}

/** The ids of those that are renewed while they are watched. */
async function renewedOf(
  keeper: LeaseKeeper,
  watched: readonly Lease[],
  options: CollectOptions,
): Promise<ReadonlySet<string>> {
  if (watched.length === 0) return new Set();
  const forMs = Math.max(...watched.map(({ renewal }) => renewal!.withinMs));
  options.watching?.(watched, forMs);
  await delay(forMs, options);
  const marks = new Map((await listLeases(keeper, options)).map(({ id, renewal }) => [id, renewal?.mark]));
  const isRenewed = ({ id, renewal }: Lease): boolean => marks.has(id) && marks.get(id) !== renewal!.mark;
  return new Set(watched.filter(isRenewed).map(({ id }) => id));
}

function patience({ signal, clock }: Pick<CollectOptions, "signal" | "clock">): WaitOptions {
  return { timeoutMs: KEEPER_MS, signal, ...(clock && { clock }) };
}
