import { Deque } from "../base/deque.ts";
import type { EngineTask } from "./engine.ts";

interface Level {
  readonly priority: number;
  readonly depth: number;
  readonly tasks: Deque<EngineTask>;
}

/**
 * Tasks that wait for room: higher priority first; among equals the deeper, so that what was begun is finished before
 * more is begun, and a run holds no more values than its lanes make at once; among those first in, first out.
 */
export class ReadyQueue {
  /** The first to go first; those that are empty are not kept. */
  readonly #levels: Level[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(task: EngineTask): void {
    this.#level(task).push(task);
    this.#size++;
  }

  /** Puts a task that came back before all of its level. */
  unshift(task: EngineTask): void {
    this.#level(task).unshift(task);
    this.#size++;
  }

  peek(): EngineTask | undefined {
    return this.#levels[0]?.tasks.peek();
  }

  shift(): EngineTask | undefined {
    const level = this.#levels[0];
    if (level === undefined) return undefined;
    const task = level.tasks.shift();
    if (level.tasks.size === 0) this.#levels.shift();
    this.#size--;
    return task;
  }

  clear(): void {
    this.#levels.length = 0;
    this.#size = 0;
  }

  #level(task: EngineTask): Deque<EngineTask> {
    const levels = this.#levels;
    let [low, high] = [0, levels.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (goesBefore(levels[middle]!, task)) low = middle + 1;
      else high = middle;
    }
    const { priority, depth } = task;
    const found = levels[low];
    if (found?.priority === priority && found.depth === depth) return found.tasks;
    const level: Level = { priority, depth, tasks: new Deque() };
    levels.splice(low, 0, level);
    return level.tasks;
  }
}

type Rank = Pick<EngineTask, "priority" | "depth">;

/** Whether what has the first rank goes before what has the second; not when they are equal. */
export function goesBefore(first: Rank, second: Rank): boolean {
  return first.priority === second.priority ? first.depth > second.depth : first.priority > second.priority;
}
