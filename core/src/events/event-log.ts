import { Deque } from "../base/deque.ts";
import type { MusterEvent } from "../contracts/event.ts";

/** What it returns is not waited for. */
export type EventListener = (event: MusterEvent) => unknown;

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
    for (const listener of this.#listeners) this.#tell(listener, event);
  }

  /** A listener that throws must not stop the run in the middle of what it does; it hears no more. */
  #tell(listener: EventListener, event: MusterEvent): void {
    try {
      const returned = listener(event);
      if (returned instanceof Promise) returned.catch((error: unknown) => this.#dismiss(listener, error));
    } catch (error) {
      this.#dismiss(listener, error);
    }
  }

  #dismiss(listener: EventListener, error: unknown): void {
    // One that is slow to fail may have been told much before: it fails once.
    if (!this.#listeners.delete(listener)) return;
    const message = `A listener of events threw, and hears no more of them: ${error instanceof Error ? error.stack : String(error)}`;
    this.emit({ type: "log", at: Date.now(), level: "error", message });
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
