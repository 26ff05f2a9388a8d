/** A timer that can be cancelled; cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Where time comes from: the system's, or a simulated one in tests. */
export interface Clock {
  /** Milliseconds that only go forward; zero is arbitrary. */
  now(): number;
  /** Milliseconds since 1970, for people and for records. */
  wallTime(): number;
  /** Calls `callback` once after `delayMs`. `keepAlive: false` lets the process end meanwhile. */
  after(delayMs: number, callback: () => void, options?: { keepAlive?: boolean }): Timer;
}

/** The longest delay that `setTimeout` takes; more is 24.8 days, and it would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wallTime: () => Date.now(),
  after(delayMs, callback, options) {
    const timeout = setTimeout(callback, Math.min(Math.max(delayMs, 0), MAX_DELAY_MS));
    if (options?.keepAlive === false) timeout.unref();
    return { cancel: () => clearTimeout(timeout) };
  },
};

/** A clock that stands still until it is told to advance; timers fire in order of their time. */
export class SimulatedClock implements Clock {
  #now = 0;
  #sequence = 0;
  readonly #timers = new Map<number, { at: number; sequence: number; callback: () => void }>();

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): Timer {
    const sequence = this.#sequence++;
    this.#timers.set(sequence, { at: this.#now + Math.max(delayMs, 0), sequence, callback });
    return { cancel: () => void this.#timers.delete(sequence) };
  }

  /** How many timers wait. A part that was closed leaves none. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Goes forward by `ms`, firing what falls due, and lets promises settle between two timers. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settle();
      const next = [...this.#timers.values()]
        .filter((timer) => timer.at <= until)
        .sort((a, b) => a.at - b.at || a.sequence - b.sequence)[0];
      if (next === undefined) break;
      this.#timers.delete(next.sequence);
      this.#now = next.at;
      next.callback();
    }
    this.#now = until;
    await settle();
  }
}

/** Lets everything that is already resolved run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
