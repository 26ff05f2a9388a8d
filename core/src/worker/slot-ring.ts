/**
 * The state of each task that a lane holds, in memory that both threads see: the worker's main thread puts tasks
 * in and may take them back, the task thread starts them, and exactly one of the two wins.
 */
const FREE = 0;
const QUEUED = 1;
const STARTED = 2;
const RECALLED = 3;

/** More tasks than a lane is ever sent at once. */
export const RING_SIZE = 8192;
const MASK = RING_SIZE - 1;

export class SlotRing {
  readonly buffer: SharedArrayBuffer;
  readonly #slots: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(RING_SIZE * 4)) {
    this.buffer = buffer;
    this.#slots = new Int32Array(buffer);
  }

  /** Main thread: a task with this sequence number is about to be posted. */
  queue(sequence: number): void {
    Atomics.store(this.#slots, sequence & MASK, QUEUED);
  }

  /** Task thread: `true` when the task is its to run; `false` when it was taken back. */
  start(sequence: number): boolean {
    return Atomics.compareExchange(this.#slots, sequence & MASK, QUEUED, STARTED) === QUEUED;
  }

  /** Main thread: `true` when the task had not started, and now never will. */
  recall(sequence: number): boolean {
    return Atomics.compareExchange(this.#slots, sequence & MASK, QUEUED, RECALLED) === QUEUED;
  }

  /** Task thread: the end of this task is on its way to the main thread. */
  free(sequence: number): void {
    Atomics.store(this.#slots, sequence & MASK, FREE);
  }

  isStarted(sequence: number): boolean {
    return Atomics.load(this.#slots, sequence & MASK) === STARTED;
  }

  isQueued(sequence: number): boolean {
    return Atomics.load(this.#slots, sequence & MASK) === QUEUED;
  }

  /** `true` when nothing more will come of this task: it was reported, or taken back. */
  isOver(sequence: number): boolean {
    const state = Atomics.load(this.#slots, sequence & MASK);
    return state === FREE || state === RECALLED;
  }
}
