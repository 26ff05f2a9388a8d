import { type Resources, suffices } from "../base/resources.ts";
import type { EngineTask } from "../contracts/engine.ts";
import { goesBefore, ReadyQueue } from "./ready-queue.ts";

/** What waits, by what it needs: a task that has to wait for a GPU holds up none that does not. */
export class ResourceQueues {
  readonly #classes = new Map<string, { readonly needs: Resources; readonly queue: ReadyQueue }>();
  /** Most tasks need nothing. */
  readonly #plain = new ReadyQueue();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(task: EngineTask): void {
    this.#queue(task).push(task);
    this.#size++;
  }

  unshift(task: EngineTask): void {
    this.#queue(task).unshift(task);
    this.#size++;
  }

  /** The next task that these free resources suffice for. */
  take(free: Resources): EngineTask | undefined {
    let best = this.#plain;
    for (const { needs, queue } of this.#classes.values()) {
      if (queue.size > 0 && suffices(free, needs) && isBefore(queue, best)) best = queue;
    }
    return this.#shift(best);
  }

  /** What they need, and how many of them need just that. */
  sizes(): { readonly needs: Resources; readonly size: number }[] {
    const others = Array.from(this.#classes.values(), ({ needs, queue }) => ({ needs, size: queue.size }));
    return [{ needs: {}, size: this.#plain.size }, ...others];
  }

  /** How many of those there are that need nothing. */
  get plainSize(): number {
    return this.#plain.size;
  }

  /** Of those, the next. */
  peekPlain(): EngineTask | undefined {
    return this.#plain.peek();
  }

  /** The next of them, if it may be sent ahead of need. */
  takeIf(allowed: (task: EngineTask) => boolean): EngineTask | undefined {
    const task = this.#plain.peek();
    return task !== undefined && allowed(task) ? this.#shift(this.#plain) : undefined;
  }

  clear(): void {
    this.#plain.clear();
    this.#classes.clear();
    this.#size = 0;
  }

  #shift(queue: ReadyQueue): EngineTask | undefined {
    const task = queue.shift();
    if (task !== undefined) this.#size--;
    return task;
  }

  #queue(task: EngineTask): ReadyQueue {
    const needs = task.fn.resources;
    if (needs === undefined) return this.#plain;
    const key = resourceKey(needs);
    let found = this.#classes.get(key);
    if (found === undefined) {
      found = { needs, queue: new ReadyQueue() };
      this.#classes.set(key, found);
    }
    return found.queue;
  }
}

/** The same for the same resources, in whatever order they were named. */
export function resourceKey(resources: Resources): string {
  return JSON.stringify(Object.entries(resources).sort());
}

/** @param queue one that is not empty */
function isBefore(queue: ReadyQueue, other: ReadyQueue): boolean {
  const [task, otherTask] = [queue.peek()!, other.peek()];
  if (otherTask === undefined || goesBefore(task, otherTask)) return true;
  return !goesBefore(otherTask, task) && task.rank < otherTask.rank;
}
