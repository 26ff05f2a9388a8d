import { Deque } from "../base/deque.ts";

/**
 * Values that one side sends and the other iterates over, in order. One reader; it waits while there is nothing,
 * and its loop ends after `close`. What a provider's `observe` and `logs` can be made of.
 */
export class AsyncQueue<T> implements AsyncIterableIterator<T> {
  readonly #waiting = new Deque<T>();
  #wake: ((result: IteratorResult<T>) => void) | undefined;
  #closed = false;
  readonly #onClose: (() => void) | undefined;

  /** @param onClose called once, when either side is done */
  constructor(onClose?: () => void) {
    this.#onClose = onClose;
  }

  /** A queue that closes when `signal` fires. */
  static until<T>(signal: AbortSignal, onClose?: () => void): AsyncQueue<T> {
    const close = (): void => queue.close();
    const queue = new AsyncQueue<T>(() => {
      signal.removeEventListener("abort", close);
      onClose?.();
    });
    if (signal.aborted) queue.close();
    else signal.addEventListener("abort", close, { once: true });
    return queue;
  }

  /** How many values wait for the reader. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Sends a value; after `close` it goes nowhere. */
  push(value: T): void {
    if (this.#closed) return;
    const wake = this.#wake;
    this.#wake = undefined;
    if (wake === undefined) this.#waiting.push(value);
    else wake({ value, done: false });
  }

  /** No more values; the reader still gets those that wait. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake?.({ value: undefined, done: true });
    this.#wake = undefined;
    this.#onClose?.();
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#waiting.size > 0) return Promise.resolve({ value: this.#waiting.shift() as T, done: false });
    if (this.#closed) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The reader wants no more. */
  return(): Promise<IteratorResult<T>> {
    this.#waiting.clear();
    this.close();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
