import type { MusterEvent } from "../events/event.ts";

/** Task runs of one name that ended with one message. */
export interface FailedTask {
  readonly name: string;
  readonly message: string;
  readonly count: number;
}

/** Different failures that are worth printing; the rest is counted. */
const MAX_KINDS = 10;

/** A reader of the event log: which tasks failed, and with what message. */
export class FailedTasks {
  readonly #kinds = new Map<string, { name: string; message: string; count: number }>();
  #others = 0;

  /** The first different failures, in the order in which they came. */
  get kinds(): readonly FailedTask[] {
    return [...this.#kinds.values()];
  }

  /** Failures that are of none of the {@link kinds}. */
  get others(): number {
    return this.#others;
  }

  record(event: MusterEvent): void {
    if (event.type !== "task" || (event.state !== "Failed" && event.state !== "Crashed")) return;
    const message = event.message ?? `${event.state}, for no reason that is known`;
    const key = `${event.name}\n${message}`;
    const kind = this.#kinds.get(key);
    if (kind !== undefined) kind.count++;
    else if (this.#kinds.size < MAX_KINDS) this.#kinds.set(key, { name: event.name, message, count: 1 });
    else this.#others++;
  }
}
