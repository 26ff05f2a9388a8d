import { AsyncQueue } from "./async-queue.ts";

/** Values that one side sends to all who iterate, each from when they began, until it closes. */
export class Broadcast<T> implements AsyncIterable<T> {
  readonly #readers = new Set<AsyncQueue<T>>();
  #closed = false;

  send(value: T): void {
    for (const reader of this.#readers) reader.push(value);
  }

  /** No more values; readers still get those that wait. */
  close(): void {
    this.#closed = true;
    for (const reader of [...this.#readers]) reader.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    const reader: AsyncQueue<T> = new AsyncQueue(() => void this.#readers.delete(reader));
    if (this.#closed) reader.close();
    else this.#readers.add(reader);
    return reader;
  }
}
