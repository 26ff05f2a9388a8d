import type { NatsConnection } from "@nats-io/transport-node";
import { PULSE_MS, pulseSubject } from "./subjects.ts";

/** A driver whose pulse was felt so long ago still lives, in milliseconds. */
const FRESH_MS = 3 * PULSE_MS;

/** The pulse of a driver elsewhere: a thread of it that does nothing else publishes it once a second. */
export class NatsPulse {
  #feltAt = Number.NEGATIVE_INFINITY;

  readonly #isOver: () => Promise<boolean>;

  /** @param options.isOver whether the run has ended: asked when no pulse is felt */
  constructor(
    connection: Promise<NatsConnection>,
    { runId, isOver }: { readonly runId: string; readonly isOver: () => Promise<boolean> },
  ) {
    this.#isOver = isOver;
    connection.then(
      (made) => {
        made.subscribe(pulseSubject(runId), {
          callback: () => {
            this.#feltAt = performance.now();
          },
        });
      },
      () => undefined,
    );
  }

  async feel(): Promise<"alive" | "silent" | "gone"> {
    if (performance.now() - this.#feltAt < FRESH_MS) return "alive";
    return (await this.#isOver()) ? "gone" : "silent";
  }
}
