import { Deque } from "../base/deque.ts";
import type { MusterEvent } from "./event.ts";

export type EventListener = (event: MusterEvent) => void;

/** How many events a log keeps unless told otherwise. */
const DEFAULT_CAPACITY = 1000;

/**
 * The one log of what happened in a run. Listeners see every event, in order, as it happens; the log itself
 * keeps the last `capacity` events, so that its memory is bounded however long the run is.
 */
export class EventLog {
  readonly #listeners = new Set<EventListener>();
  readonly #recent = new Deque<MusterEvent>();
  readonly #capacity: number;

  constructor(options: { capacity?: number } = {}) {
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY;
  }

  emit(event: MusterEvent): void {
    this.#recent.push(event);
    if (this.#recent.size > this.#capacity) this.#recent.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** Calls `listener` for every event from now on, until the returned function is called. */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The last events, oldest first. */
  recent(): MusterEvent[] {
    return [...this.#recent];
  }
}
