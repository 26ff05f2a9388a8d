/** What happens to a run, one after the other. */
export type Step =
  /** Tasks are submitted; each takes values of tasks from before, by their numbers. */
  | { readonly type: "submit"; readonly tasks: readonly PlannedTask[] }
  /** Waits until a task has settled: the one with this number, counted from the last. */
  | { readonly type: "wait"; readonly back: number }
  | { readonly type: "scale"; readonly workers: number }
  /** A worker is killed, the one with this number among those that there are, after some milliseconds. */
  | { readonly type: "kill"; readonly which: number; readonly afterMs: number }
  /** Milliseconds in which nothing is done to it. */
  | { readonly type: "pause"; readonly ms: number };

export interface PlannedTask {
  readonly waitMs: number;
  readonly computeMs: number;
  readonly size: number | undefined;
  readonly fails: boolean;
  /** Counted back from itself. */
  readonly inputs: readonly number[];
}

/** How it ends: all tasks are waited for, it is cancelled in the middle, or it closes with tasks that nobody waits for. */
export type Ending = "settle" | "cancel" | "close";

export interface Schedule {
  readonly workers: number;
  readonly threads: number;
  readonly tasksPerThread: number;
  readonly steps: readonly Step[];
  readonly ending: Ending;
}

const KIB = 1024;
const SIZES = [undefined, 0, 1, KIB, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 300 * KIB, 3 * KIB * KIB];
/** How often each size comes, of so many: large ones seldom. */
const SIZE_LOTS = [6, 2, 2, 4, 1, 1, 1, 2, 1];

/** @param random from 0 to 1 */
export function makeSchedule(random: () => number, count: number): Schedule {
  const upTo = (limit: number): number => Math.floor(random() * limit);
  const planTask = (): PlannedTask => {
    const lot = random();
    return {
      waitMs: lot < 0.5 ? 0 : upTo(lot < 0.9 ? 40 : 200),
      computeMs: random() < 0.85 ? 0 : upTo(10),
      size: SIZES[weighted(random, SIZE_LOTS)],
      fails: random() < 0.06,
      inputs: Array.from({ length: Math.max(0, upTo(5) - 2) }, () => 1 + upTo(12)),
    };
  };
  const makeStep = (): Step => {
    switch (weighted(random, [30, 20, 10, 10, 20, 10])) {
      case 0:
        return { type: "submit", tasks: [planTask()] };
      case 1:
        return { type: "submit", tasks: Array.from({ length: 2 + upTo(30) }, planTask) };
      case 2:
        return { type: "wait", back: 1 + upTo(10) };
      case 3:
        return { type: "scale", workers: upTo(4) };
      case 4:
        return { type: "kill", which: upTo(4), afterMs: upTo(30) };
      default:
        return { type: "pause", ms: upTo(40) };
    }
  };
  return {
    workers: 1 + upTo(2),
    threads: 1 + upTo(2),
    tasksPerThread: 1 + upTo(2),
    steps: Array.from({ length: count }, makeStep),
    ending: (["settle", "cancel", "close"] as const)[weighted(random, [70, 15, 15])]!,
  };
}

function weighted(random: () => number, lots: readonly number[]): number {
  let lot = random() * lots.reduce((sum, each) => sum + each, 0);
  return lots.findIndex((each) => {
    lot -= each;
    return lot < 0;
  });
}
