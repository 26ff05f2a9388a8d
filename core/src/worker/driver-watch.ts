import { connect } from "node:net";
import type { Clock, Timer } from "../base/clock.ts";
import { preamble } from "../wire/protocol.ts";

export interface DriverWatchOptions {
  readonly clock: Clock;
  readonly deathTimeoutMs: number;
  /** Where the driver's pulse answers; port 0 when there is none. */
  readonly pulse: { readonly host: string; readonly port: number };
  readonly token: string;
  readonly lost: () => void;
}

/** How often a worker looks, in milliseconds. */
const CHECK_MS = 1000;
/** After so long a silence the pulse is asked, in milliseconds. */
const SILENCE_MS = 3000;

/**
 * Knows whether the driver lives. Its heartbeats come from the thread that also runs the user's flow, which may be
 * busy for minutes; then its pulse, a thread that does nothing else, is asked. A driver that is stopped or gone
 * answers neither, and is given up after `deathTimeoutMs`.
 */
export class DriverWatch {
  readonly #options: DriverWatchOptions;
  #heardAt: number;
  #timer: Timer;

  constructor(options: DriverWatchOptions) {
    this.#options = options;
    this.#heardAt = options.clock.now();
    this.#timer = this.#schedule();
  }

  /** Something came from the driver. */
  heard(): void {
    this.#heardAt = this.#options.clock.now();
  }

  close(): void {
    this.#timer.cancel();
  }

  /** Whether the driver's process has ended. One that is stopped, or cannot be reached, may still come back. */
  isDriverGone(): Promise<boolean> {
    const { host, port } = this.#options.pulse;
    if (port === 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const socket = connect({ host, port });
      const answer = (isGone: boolean): void => {
        socket.destroy();
        resolve(isGone);
      };
      socket.setTimeout(CHECK_MS, () => answer(false));
      socket.on("connect", () => answer(false));
      socket.on("error", (error: NodeJS.ErrnoException) => answer(error.code === "ECONNREFUSED"));
    });
  }

  #schedule(): Timer {
    return this.#options.clock.after(CHECK_MS, () => this.#check());
  }

  #check(): void {
    const { clock, deathTimeoutMs, lost, pulse } = this.#options;
    const silentMs = clock.now() - this.#heardAt;
    if (silentMs >= deathTimeoutMs) {
      lost();
      return;
    }
    if (silentMs >= Math.min(SILENCE_MS, deathTimeoutMs / 2) && pulse.port !== 0) this.#askPulse();
    this.#timer = this.#schedule();
  }

  #askPulse(): void {
    const { pulse, token } = this.#options;
    const socket = connect({ host: pulse.host, port: pulse.port });
    socket.setTimeout(CHECK_MS, () => socket.destroy());
    socket.on("connect", () => socket.write(preamble(token)));
    socket.on("data", () => {
      this.heard();
      socket.destroy();
    });
    // A refusal is an answer as good as silence: the timeout decides.
    socket.on("error", () => {});
  }
}
