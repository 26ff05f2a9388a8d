import type { Clock, Timer } from "../base/clock.ts";
import { delay } from "../base/wait.ts";
import type { DriverPulse } from "./driver-pulse.ts";

export interface DriverWatchOptions {
  readonly clock: Clock;
  readonly deathTimeoutMs: number;
  readonly pulse: DriverPulse;
  readonly lost: () => void;
}

/** How often a worker looks, in milliseconds. */
const CHECK_MS = 1000;
/** After so long a silence the pulse is felt, in milliseconds. */
const SILENCE_MS = 3000;

/** The connections of a process that is killed end a moment before it does: how long to wait, and how often to look. */
const EXIT_MS = 500;
const EXIT_CHECK_MS = 20;

/**
 * Knows whether the driver lives. One that gives no sign of life for `deathTimeoutMs` is given up; time in which this
 * process did not run itself, since it was stopped or the machine was busy, says nothing of the driver.
 */
export class DriverWatch {
  readonly #options: DriverWatchOptions;
  #silentMs = 0;
  #lookedAt: number;
  #timer: Timer;

  constructor(options: DriverWatchOptions) {
    this.#options = options;
    this.#lookedAt = options.clock.now();
    this.#timer = this.#schedule();
  }

  /** Something came from the driver. */
  heard(): void {
    this.#silentMs = 0;
  }

  close(): void {
    this.#timer.cancel();
  }

  /** Whether the driver has ended. One that is stopped, or cannot be reached, may still come back. */
  async isDriverGone(): Promise<boolean> {
    const { clock, pulse } = this.#options;
    // What an answer takes counts as well.
    for (const until = clock.now() + EXIT_MS; clock.now() < until; ) {
      if ((await pulse.feel()) === "gone") return true;
      await delay(EXIT_CHECK_MS, { clock });
    }
    return false;
  }

  #schedule(): Timer {
    return this.#options.clock.after(CHECK_MS, () => void this.#check());
  }

  async #check(): Promise<void> {
    const { clock, deathTimeoutMs, lost, pulse } = this.#options;
    const now = clock.now();
    this.#silentMs += Math.min(now - this.#lookedAt, 2 * CHECK_MS);
    this.#lookedAt = now;
    const isSilent = this.#silentMs >= Math.min(SILENCE_MS, deathTimeoutMs / 2);
    const driver = isSilent ? await pulse.feel() : undefined;
    if (driver === "alive") this.heard();
    if (driver === "gone" || this.#silentMs >= deathTimeoutMs) lost();
    else this.#timer = this.#schedule();
  }
}
