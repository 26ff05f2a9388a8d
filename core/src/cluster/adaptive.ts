import type { Demand } from "../contracts/worker-link.ts";
import type { AdaptPolicy } from "./adapt-options.ts";

/** What a decision is made of. Times in milliseconds. */
export interface AdaptiveInputs {
  readonly now: number;
  readonly demand: Demand;
  /** Tasks that one worker runs at once. */
  readonly slotsPerWorker: number;
  /** How many workers are wanted as of now. */
  readonly wanted: number;
  /** Workers that take tasks. */
  readonly ready: number;
  /** Of the workers that boot: how long each has been at it. */
  readonly bootingForMs: readonly number[];
  /** Tasks that run on workers that drain: they need no slot any more. */
  readonly runningOnDraining: number;
  /** How long a worker takes from the request to its first task. */
  readonly bootMs: number;
}

/** What is remembered from one decision to the next. */
export interface AdaptiveMemory {
  /** Since when more workers than there are would have been right. */
  readonly aboveSince?: number;
  /** Since when fewer would have been right, … */
  readonly belowSince?: number;
  /** … and the most that was right in that time. */
  readonly mostSince?: number;
}

export interface AdaptiveDecision {
  readonly wanted: number;
  /** For people: why this number. */
  readonly reason: string;
  readonly memory: AdaptiveMemory;
}

/**
 * How many workers there should be. Pure; called each `intervalMs`.
 *
 * With `T = max(targetDurationMs, bootMs)` and durations summed over tasks:
 * ```
 * slots = min(running + ready, max(running, ceil((known + min(remaining, running·T)) / T)) + unknown)
 * right = clamp(ceil(slots / slotsPerWorker), minimum, maximum)
 * ```
 * so a task of unknown duration counts as one slot, a running one as at most one, and there are never more slots
 * than tasks. Up at once (`upDelayMs`), but by no worker that would find nothing left to start once it has booted.
 * Down only after `downDelayMs`, and at least a boot, without a moment when the workers were needed, and
 * only to the most that was right in that time. What boots counts as there. It began as dask's `adaptive_target`
 * and leaves out what made that thrash (shared/research/dask.md, sections 1.3 and 8).
 */
export function decide(
  inputs: AdaptiveInputs,
  policy: AdaptPolicy,
  memory: AdaptiveMemory,
): AdaptiveDecision {
  const { now, wanted } = inputs;
  const within = clamp(wanted, policy);
  if (within !== wanted) return { wanted: within, reason: `The bounds are ${bounds(policy)}.`, memory: {} };

  const right = clamp(Math.ceil(slotsWanted(inputs, policy) / inputs.slotsPerWorker), policy);
  if (right > wanted) {
    const leftAtBoot = Math.max(0, inputs.demand.ready - startedByBoot(inputs));
    const target = Math.min(right, wanted + Math.ceil(leftAtBoot / inputs.slotsPerWorker));
    if (target <= wanted) return stay("The backlog is gone before another worker could boot.", {});
    const aboveSince = memory.aboveSince ?? now;
    if (now - aboveSince < policy.upDelayMs)
      return stay("More are wanted, but not for long yet.", { aboveSince });
    return { wanted: target, reason: explain(inputs, policy, target), memory: {} };
  }
  if (right < wanted) {
    const belowSince = memory.belowSince ?? now;
    const mostSince = Math.max(right, memory.mostSince ?? 0);
    if (now - belowSince < downDelayMs(inputs, policy)) {
      return stay("Fewer are wanted, but not for long yet.", { belowSince, mostSince });
    }
    return { wanted: mostSince, reason: explain(inputs, policy, mostSince), memory: {} };
  }
  return stay("As many as wanted.", {});

  function stay(reason: string, kept: AdaptiveMemory): AdaptiveDecision {
    return { wanted, reason, memory: kept };
  }
}

function slotsWanted({ demand, runningOnDraining, bootMs }: AdaptiveInputs, policy: AdaptPolicy): number {
  const running = Math.max(0, demand.running - runningOnDraining);
  const tasks = running + demand.ready;
  if (tasks === 0) return 0;
  const withinMs = Math.max(policy.targetDurationMs, bootMs, 1);
  const workMs = demand.knownMs + Math.min(demand.remainingMs, running * withinMs);
  const slots = Math.max(running, Math.ceil(workMs / withinMs)) + demand.unknown;
  // Tasks that are expected to take no time need someone to run them all the same.
  return Math.min(tasks, Math.max(slots, 1));
}

/**
 * How many of the ready tasks the workers that there are will have started by the time that a new one has booted.
 * What is left of their time after what runs now goes into ready tasks, and then each slot holds one more that
 * has started and not ended. Of tasks of unknown duration, none.
 */
function startedByBoot({ demand, bootMs, ready, bootingForMs, slotsPerWorker }: AdaptiveInputs): number {
  if (demand.unknown > 0 || demand.ready === 0) return 0;
  const taskMs = Math.max(demand.knownMs / demand.ready, 1e-3);
  const running = Math.min(demand.remainingMs, demand.running * bootMs);
  const freeMs = ready * slotsPerWorker * bootMs - running;
  const byReady = freeMs > 0 ? freeMs / taskMs + ready * slotsPerWorker : 0;
  const aheadMs = bootingForMs.reduce((sum, forMs) => sum + Math.min(forMs, bootMs), 0);
  const byBooting = bootingForMs.length === 0 ? 0 : (aheadMs / taskMs + bootingForMs.length) * slotsPerWorker;
  return byReady + byBooting;
}

function downDelayMs({ demand, bootMs }: AdaptiveInputs, policy: AdaptPolicy): number {
  const idle = demand.open && demand.ready + demand.running === 0;
  return Math.max(idle ? policy.idleDelayMs : policy.downDelayMs, bootMs);
}

function explain({ demand }: AdaptiveInputs, policy: AdaptPolicy, workers: number): string {
  const tasks = `${demand.ready} tasks ready, ${demand.running} running`;
  const durations = demand.unknown > 0 ? `, ${demand.unknown} of unknown duration` : "";
  const bound =
    workers === policy.maximum ? " (the maximum)" : workers === policy.minimum ? " (the minimum)" : "";
  return `${tasks}${durations}: ${workers} worker${workers === 1 ? "" : "s"}${bound}.`;
}

function clamp(workers: number, { minimum, maximum }: AdaptPolicy): number {
  return Math.min(Math.max(workers, minimum), maximum);
}

function bounds({ minimum, maximum }: AdaptPolicy): string {
  return `${minimum} to ${maximum} workers`;
}
