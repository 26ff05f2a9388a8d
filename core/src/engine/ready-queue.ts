import { Deque } from "../base/deque.ts";
import type { EngineTask } from "./engine.ts";

/** Tasks that wait for room: higher priority first, and first in first out among equals. */
export class ReadyQueue {
  /** Descending by priority; seldom more than a few. */
  readonly #levels: { readonly priority: number; readonly tasks: Deque<EngineTask> }[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get topPriority(): number {
    return this.#levels[0]?.priority ?? Number.NEGATIVE_INFINITY;
  }

  push(task: EngineTask): void {
    this.#level(task.priority).push(task);
    this.#size++;
  }

  /** Puts a task that came back before all of its priority. */
  unshift(task: EngineTask): void {
    this.#level(task.priority).unshift(task);
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

  #level(priority: number): Deque<EngineTask> {
    const index = this.#levels.findIndex((level) => level.priority <= priority);
    const found = this.#levels[index];
    if (found?.priority === priority) return found.tasks;
    const level = { priority, tasks: new Deque<EngineTask>() };
    this.#levels.splice(index < 0 ? this.#levels.length : index, 0, level);
    return level.tasks;
  }
}
