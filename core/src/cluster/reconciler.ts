import type { Health, RestartPolicy } from "../base/health.ts";
import type { WorkerId } from "../contracts/provider.ts";
import { isBooting, isLive, type WorkerState } from "./worker-state.ts";

/** A worker as the reconciler sees it. */
export interface WorkerRecord {
  readonly id: WorkerId;
  readonly state: WorkerState;
  /** When it was asked for, in milliseconds of the cluster's clock. */
  readonly launchedAt: number;
  /** When it came into its state. */
  readonly since: number;
  /** Tasks that it runs. */
  readonly running: number;
}

export interface ReconcilePolicy extends RestartPolicy {
  /** Milliseconds from the request to the connection, for each worker. */
  readonly startTimeoutMs: number;
  /** Milliseconds that a retired worker has for its last tasks; Infinity: as long as they take. */
  readonly drainTimeoutMs: number;
}

/** The world as it is. */
export interface ReconcileInput {
  readonly wanted: number;
  readonly workers: readonly WorkerRecord[];
  readonly health: Health;
  readonly now: number;
}

/** Why a worker is taken away without being drained. */
export type StopCause = "boot-timeout" | "drain-timeout" | "unwanted";

/** Why a cluster gives up. */
export type GiveUpCause = "permanent" | "boot-failures" | "start-timeout";

/** What to do now to get from the world as it is to the wanted one. */
export interface Plan {
  /** How many workers to ask for. */
  readonly launch: number;
  /** Ready workers to retire. */
  readonly drain: readonly WorkerId[];
  readonly stop: readonly { readonly id: WorkerId; readonly cause: StopCause }[];
  readonly giveUp: GiveUpCause | undefined;
  /** When to look again, if nothing happens before; Infinity: no need to. */
  readonly wakeAt: number;
}

/**
 * Compares what is with what is wanted. It looks at the level, never at what changed: a lost message or a failed
 * action is made up for by the next look, and a worker that boots slowly holds up nothing else.
 *
 * - Workers that boot count as there. Those that drain or stop do not, and are never called back: a new one is
 *   asked for, so for a while there can be more processes than wanted.
 * - Too many: first those furthest from being ready, then those that run least, then the youngest, whose caches
 *   are the smallest. A ready worker is drained, so no running task is ended.
 * - Too few: launches what is missing, unless the back-off says later.
 * - Gives up when no worker is left, not even one that boots, and trying again does not help; or when no worker
 *   was ever ready within `startTimeoutMs`. With one ready it goes on: fewer than wanted is better than none.
 */
export function reconcile(input: ReconcileInput, policy: ReconcilePolicy): Plan {
  const live = input.workers.filter((worker) => isLive(worker.state));
  const { stop, wakeAt } = checkDeadlines(input, policy);
  const surplus = live.length - input.wanted;
  if (surplus >= 0) {
    const victims = [...live].sort(moreDispensable).slice(0, surplus);
    const overdue = new Set(stop.map(({ id }) => id));
    const unwanted = victims.filter(({ id, state }) => isBooting(state) && !overdue.has(id));
    return {
      launch: 0,
      drain: victims.filter(({ state }) => state === "ready").map(({ id }) => id),
      stop: [...stop, ...unwanted.map(({ id }) => ({ id, cause: "unwanted" as const }))],
      giveUp: undefined,
      wakeAt,
    };
  }
  const giveUp = whyGiveUp(input, policy);
  const startDeadline = (input.health.waitingSince ?? Number.POSITIVE_INFINITY) + policy.startTimeoutMs;
  const wait: Plan = { launch: 0, drain: [], stop, giveUp, wakeAt: Math.min(wakeAt, startDeadline) };
  if (giveUp !== undefined || input.health.permanent || waitsForLastTry(input, policy)) return wait;
  if (input.now < input.health.retryAt) {
    return { ...wait, wakeAt: Math.min(wait.wakeAt, input.health.retryAt) };
  }
  return { ...wait, launch: -surplus };
}

function checkDeadlines(
  { workers, now }: ReconcileInput,
  policy: ReconcilePolicy,
): Pick<Plan, "stop" | "wakeAt"> {
  const stop: { id: WorkerId; cause: StopCause }[] = [];
  let wakeAt = Number.POSITIVE_INFINITY;
  for (const worker of workers) {
    const cause = isBooting(worker.state)
      ? "boot-timeout"
      : worker.state === "draining"
        ? "drain-timeout"
        : undefined;
    if (cause === undefined) continue;
    const deadline =
      cause === "boot-timeout"
        ? worker.launchedAt + policy.startTimeoutMs
        : worker.since + policy.drainTimeoutMs;
    if (now >= deadline) stop.push({ id: worker.id, cause });
    else wakeAt = Math.min(wakeAt, deadline);
  }
  return { stop, wakeAt };
}

/** Called when workers are missing. */
function whyGiveUp(
  { workers, health, now }: ReconcileInput,
  policy: ReconcilePolicy,
): GiveUpCause | undefined {
  if (workers.some(({ state }) => state === "ready" || state === "draining")) return undefined;
  if (health.waitingSince !== undefined && now >= health.waitingSince + policy.startTimeoutMs)
    return "start-timeout";
  if (workers.some(({ state }) => isBooting(state))) return undefined;
  if (health.permanent) return "permanent";
  return health.bootFailures >= policy.maxBootFailures ? "boot-failures" : undefined;
}

/** Whether too many boots failed, and all hangs on those that still boot. */
function waitsForLastTry({ workers, health }: ReconcileInput, policy: ReconcilePolicy): boolean {
  if (health.bootFailures < policy.maxBootFailures) return false;
  return !workers.some(({ state }) => state === "ready");
}

const DISPENSABLE_FIRST: readonly WorkerState[] = ["launching", "booting", "ready"];

function moreDispensable(a: WorkerRecord, b: WorkerRecord): number {
  const byState = DISPENSABLE_FIRST.indexOf(a.state) - DISPENSABLE_FIRST.indexOf(b.state);
  return byState || a.running - b.running || b.launchedAt - a.launchedAt;
}
