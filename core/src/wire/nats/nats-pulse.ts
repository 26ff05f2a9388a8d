import type { NatsConnection } from "@nats-io/transport-node";
import { PULSE_MS, pulseSubject } from "./subjects.ts";

/** A driver whose pulse was felt so long ago still lives, in milliseconds. */
const FRESH_MS = 3 * PULSE_MS;

/** The pulse of a driver elsewhere: a thread of it that does nothing else publishes it once a second. */
export class NatsPulse {
  #connection: NatsConnection | undefined;
  #feltAt = Number.NEGATIVE_INFINITY;

  constructor(connection: Promise<NatsConnection>, runId: string) {
    connection.then(
      (made) => {
        this.#connection = made;
        made.subscribe(pulseSubject(runId), {
          callback: () => {
            this.#feltAt = performance.now();
          },
        });
      },
      () => undefined,
    );
  }

  async feel(): Promise<"alive" | "silent"> {
    const isFresh = performance.now() - this.#feltAt < FRESH_MS;
    return this.#connection !== undefined && isFresh ? "alive" : "silent";
  }
}
