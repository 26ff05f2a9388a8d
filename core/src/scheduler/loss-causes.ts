import type { Loss } from "../contracts/engine.ts";
import type { WorkerDeath } from "../contracts/worker-link.ts";

/**
 * So many losses in a row, at least, and a function is taken for their cause. A task that ends whatever runs it is
 * stopped before by its own budget of losses; this stops hundreds that take turns in using up theirs.
 */
const LEAST_LOSSES = 5;
/** Where the loss may have come from outside, as a SIGKILL may, it takes so many times as many. */
const DOUBT = 2;

/** Signals that a process sends to itself when it breaks. */
const BREAKS = new Map([
  ["SIGILL", 4],
  ["SIGTRAP", 5],
  ["SIGABRT", 6],
  ["SIGBUS", 7],
  ["SIGFPE", 8],
  ["SIGSEGV", 11],
]);

/** What this has to know of a function. */
export interface LostFunction {
  /** Functions of one module are loaded together. */
  readonly code: { readonly id: string } | undefined;
  readonly policy: { readonly workerLostRetries: number };
}

/** Losses in a row with the same cause. */
interface Streak {
  /** Of each loss, the task: one that is lost again and again counts once. */
  readonly tasks: Set<number>;
  losses: number;
  /** Whether some may have come from outside. */
  isDoubtful: boolean;
  /** The last that was counted. */
  last: number;
}

/** A cause that has been found. */
export interface DeadlyCause {
  readonly during: Loss["during"];
  readonly losses: number;
  readonly death: WorkerDeath;
}

/**
 * Counts by cause how often workers were lost, with no success in between: in the middle of a task of the same function,
 * or while the same code was loaded. Workers that are lost at the same time count once: what was placed before the last
 * one that was counted shares its cause, which may be that a machine went down.
 */
export class LossCauses {
  /** By the function that ran. */
  readonly #running = new Map<LostFunction, Streak>();
  /** By the code that was loaded. */
  readonly #loading = new Map<string, Streak>();

  get isEmpty(): boolean {
    return this.#running.size === 0 && this.#loading.size === 0;
  }

  /** A task of the function ended well: it is not the cause, and neither is its code. */
  succeeded(fn: LostFunction): void {
    this.#running.delete(fn);
    this.#loading.delete(codeOf(fn));
  }

  /** Takes in a loss. Gives the cause when this makes it one. */
  lost(fn: LostFunction, task: number, loss: Loss): DeadlyCause | undefined {
    const { during, death } = loss;
    if (death.deliberate === true) return undefined;
    const streak = this.#streak(fn, during);
    if (loss.before >= streak.last) {
      streak.tasks.add(task);
      streak.losses++;
      streak.isDoubtful ||= !isOwnFault(loss);
      streak.last = loss.number;
    }
    // A task that runs pays for its losses itself: one alone is no cause. What is not even loaded costs its task nothing.
    const count = during === "running" ? streak.tasks.size : streak.losses;
    const limit = limitOf(fn, during) * (streak.isDoubtful ? DOUBT : 1);
    return count < limit ? undefined : { during, losses: streak.losses, death };
  }

  #streak(fn: LostFunction, during: Loss["during"]): Streak {
    const fresh: Streak = { tasks: new Set(), losses: 0, isDoubtful: false, last: 0 };
    if (during === "loading") {
      const streak = this.#loading.get(codeOf(fn)) ?? fresh;
      this.#loading.set(codeOf(fn), streak);
      return streak;
    }
    // Where it runs, it could be loaded.
    this.#loading.delete(codeOf(fn));
    const streak = this.#running.get(fn) ?? fresh;
    this.#running.set(fn, streak);
    return streak;
  }
}

function codeOf({ code }: LostFunction): string {
  return code?.id ?? "";
}

/** Never fewer than one task alone may be lost, and one more. */
function limitOf({ policy }: LostFunction, during: Loss["during"]): number {
  return during === "loading" ? LEAST_LOSSES : Math.max(LEAST_LOSSES, policy.workerLostRetries + 2);
}

function isOwnFault({ ofThread, death }: Loss): boolean {
  if (ofThread || death.outOfMemory === true) return true;
  // A container, or a shell, tells of a signal by an exit code.
  const signal = death.signal === undefined ? (death.exitCode ?? 0) - 128 : BREAKS.get(death.signal);
  return [...BREAKS.values()].includes(signal ?? 0);
}
