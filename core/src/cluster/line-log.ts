import { Deque } from "../base/deque.ts";
import { AsyncQueue } from "./async-queue.ts";

/** Lines that wait for one reader at most; a reader that is slower loses the oldest, and is told. */
const MAX_WAITING = 100_000;

/**
 * The output of one worker: keeps the last `capacity` lines, and can be followed. A provider that gets its
 * workers' output itself can answer `logs` with one.
 */
export class LineLog {
  readonly #lines = new Deque<string>();
  readonly #capacity: number;
  readonly #followers = new Set<{ readonly queue: AsyncQueue<string>; dropped: number }>();
  #ended = false;

  constructor(capacity = 1_000) {
    this.#capacity = capacity;
  }

  append(line: string): void {
    this.#lines.push(line);
    if (this.#lines.size > this.#capacity) this.#lines.shift();
    for (const follower of this.#followers) {
      if (follower.queue.size >= MAX_WAITING) {
        follower.dropped++;
        continue;
      }
      if (follower.dropped > 0) {
        follower.queue.push(
          `… ${follower.dropped} lines were dropped: they came faster than they were read.`,
        );
        follower.dropped = 0;
      }
      follower.queue.push(line);
    }
  }

  /** Nothing more comes: followers end after the last line. */
  end(): void {
    this.#ended = true;
    for (const { queue } of [...this.#followers]) queue.close();
  }

  /** The last lines, oldest first. */
  last(count: number): string[] {
    return [...this.#lines].slice(-count);
  }

  /** The lines that are kept, then those that come, until the end or until `signal` fires. */
  follow(signal?: AbortSignal): AsyncIterableIterator<string> {
    const stop = (): void => void this.#followers.delete(follower);
    const queue =
      signal === undefined ? new AsyncQueue<string>(stop) : AsyncQueue.until<string>(signal, stop);
    const follower = { queue, dropped: 0 };
    for (const line of this.#lines) queue.push(line);
    if (this.#ended) queue.close();
    else if (signal?.aborted !== true) this.#followers.add(follower);
    return queue;
  }
}
