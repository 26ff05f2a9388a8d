import { Deque } from "../base/deque.ts";
import type { EngineTask } from "../contracts/engine.ts";

/** Tasks of one priority and depth. */
interface Level {
  readonly priority: number;
  readonly depth: number;
  /** Each in the order of ranks. Mostly there is one; a task whose rank is lower than the last one's begins another. */
  readonly runs: Deque<EngineTask>[];
}

/** Beyond so many runs the order of ranks is given up for what comes. */
const MAX_RUNS = 16;

/**
 * Tasks that wait for room: higher priority first; among equals the deeper, so that what was begun is finished before
 * more is begun, and a run holds no more values than its lanes make at once; among those by rank, which is the order of
 * submission, but that tasks which are taken together stand together.
 */
export class ReadyQueue {
  /** The first to go first; those that are empty are not kept. */
  readonly #levels: Level[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(task: EngineTask): void {
    const { runs } = this.#level(task);
    const run = runs.find((one) => one.peekLast()!.rank <= task.rank);
    if (run !== undefined) run.push(task);
    else if (runs.length < MAX_RUNS) runs.push(runOf(task));
    else runs[0]!.push(task);
    this.#size++;
  }

  /** Puts a task that came back before all of its rank. */
  unshift(task: EngineTask): void {
    const { runs } = this.#level(task);
    const run = runs.find((one) => task.rank <= one.peek()!.rank);
    if (run === undefined) runs.unshift(runOf(task));
    else run.unshift(task);
    this.#size++;
  }

  peek(): EngineTask | undefined {
    const level = this.#levels[0];
    return level === undefined ? undefined : firstOf(level.runs).peek();
  }

  shift(): EngineTask | undefined {
    const level = this.#levels[0];
    if (level === undefined) return undefined;
    const { runs } = level;
    const run = firstOf(runs);
    const task = run.shift();
    if (run.size === 0) {
      if (runs.length === 1) this.#levels.shift();
      else runs.splice(runs.indexOf(run), 1);
    }
    this.#size--;
    return task;
  }

  clear(): void {
    this.#levels.length = 0;
    this.#size = 0;
  }

  #level(task: EngineTask): Level {
    const levels = this.#levels;
    let [low, high] = [0, levels.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (goesBefore(levels[middle]!, task)) low = middle + 1;
      else high = middle;
    }
    const { priority, depth } = task;
    const found = levels[low];
    if (found?.priority === priority && found.depth === depth) return found;
    const level: Level = { priority, depth, runs: [] };
    levels.splice(low, 0, level);
    return level;
  }
}

function runOf(task: EngineTask): Deque<EngineTask> {
  const run = new Deque<EngineTask>();
  run.push(task);
  return run;
}

/** The run whose first task goes first. */
function firstOf(runs: readonly Deque<EngineTask>[]): Deque<EngineTask> {
  let first = runs[0]!;
  for (let index = 1; index < runs.length; index++) {
    if (runs[index]!.peek()!.rank < first.peek()!.rank) first = runs[index]!;
  }
  return first;
}

type Standing = Pick<EngineTask, "priority" | "depth">;

/** Whether what stands first goes before what stands second, by priority and depth; not when they are equal. */
export function goesBefore(first: Standing, second: Standing): boolean {
  return first.priority === second.priority ? first.depth > second.depth : first.priority > second.priority;
}
