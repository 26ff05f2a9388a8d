import { Deque } from "../base/deque.ts";
import { readTaskBatch } from "../wire/batches.ts";
import type { TaskBodies } from "../wire/envelope.ts";
import { unpackMessage } from "../wire/message.ts";

/** Tasks that came together. `next` is the first that has not been taken. */
export interface Batch {
  readonly ids: Uint32Array;
  readonly attempts: Uint32Array;
  /** The function's number, and the haste of its end. */
  readonly functions: Uint32Array;
  readonly bodies: TaskBodies;
  next: number;
}

/** Tasks of a lane that have not begun, in the order in which they came: as batches, which cost no object a task. */
export class TaskQueue {
  readonly #batches = new Deque<Batch>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The batch that the first task is in. */
  get front(): Batch | undefined {
    return this.#batches.peek();
  }

  /** @param body of a tasks frame */
  add(body: Uint8Array): void {
    const { ids, attempts, functions, bodiesAt } = readTaskBatch(body);
    const bodies = unpackMessage<TaskBodies>(body.subarray(bodiesAt));
    if (ids.length === 0) return;
    this.#batches.push({ ids, attempts, functions, bodies, next: 0 });
    this.#size += ids.length;
  }

  /** Takes the first task out. */
  shift(): void {
    const batch = this.#batches.peek()!;
    batch.next++;
    this.#size--;
    if (batch.next === batch.ids.length) this.#batches.shift();
  }

  clear(): void {
    this.#batches.clear();
    this.#size = 0;
  }
}
