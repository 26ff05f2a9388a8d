import type { NatsConnection } from "@nats-io/transport-node";
import { withDeadline } from "../../base/wait.ts";
import { PULSE_MS, pulseSubject } from "./subjects.ts";

/** A driver whose pulse was felt so long ago still lives, in milliseconds. */
const FRESH_MS = 3 * PULSE_MS;
/** A server that does not say within this many milliseconds whether the run has ended says nothing. */
const ANSWER_MS = 1000;

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
    // A server that is away does not answer, and whoever asks counts the time: it is not to be spent here.
    const asking = withDeadline(this.#isOver(), "The question for the run", { timeoutMs: ANSWER_MS });
    return (await asking.catch(() => false)) ? "gone" : "silent";
  }
}
