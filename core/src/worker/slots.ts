/**
 * The state of each task that a lane holds, in memory that both threads see: the worker's main thread puts tasks in
 * and may take them back, the task thread starts them, and exactly one of the two wins. Each task has a slot of its
 * own from when it is posted until the main thread has heard of its end.
 */
const FREE = 0;
const QUEUED = 1;
const STARTED = 2;
const RECALLED = 3;

/** The most tasks that a lane holds at once. */
export const SLOTS = 8192;

export class Slots {
  readonly buffer: SharedArrayBuffer;
  readonly #states: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(SLOTS * 4)) {
    this.buffer = buffer;
    this.#states = new Int32Array(buffer);
  }

  /** Main thread: the task in this slot is about to be posted. */
  queue(slot: number): void {
    Atomics.store(this.#states, slot, QUEUED);
  }

  /** Main thread: `true` when the task had not started, and now never will. */
  recall(slot: number): boolean {
    return Atomics.compareExchange(this.#states, slot, QUEUED, RECALLED) === QUEUED;
  }

  /** Main thread: the task has started, and its end has not been heard of. */
  isStarted(slot: number): boolean {
    return Atomics.load(this.#states, slot) === STARTED;
  }

  /** Main thread: the task thread has passed over a task that was taken back: its slot may be used again. */
  isFree(slot: number): boolean {
    return Atomics.load(this.#states, slot) === FREE;
  }

  /** Task thread: `true` when the task is its to run; `false` when it was taken back, and is passed over. */
  start(slot: number): boolean {
    if (Atomics.compareExchange(this.#states, slot, QUEUED, STARTED) === QUEUED) return true;
    Atomics.store(this.#states, slot, FREE);
    return false;
  }
}
