import { packReports, type ReportKindNumber } from "../wire/protocol.ts";

/**
 * How long a finished task may wait for the next one's company, in milliseconds. Each batch costs the driver a wake-up,
 * and there the wake-ups of all lanes add up.
 */
const MAX_WAIT_MS = 10;
/** The longest batch: a large one delays its first task for nothing. */
const MAX_BATCH = 1024;
/** And in bytes, about: what is larger is late, and fills memory at both ends. */
const MAX_BATCH_BYTES = 1024 * 1024;

/** Ends of tasks that have not been told yet. Those that end close together travel together. */
export class ReportBuffer {
  #ids: number[] = [];
  #attempts: number[] = [];
  #kinds: number[] = [];
  #durationsUs: number[] = [];
  #outcomes: unknown[] = [];
  /** Of what is not small for sure. */
  #bytes = 0;
  #firstAt = 0;
  #lastAt = 0;

  get isEmpty(): boolean {
    return this.#ids.length === 0;
  }

  add(
    task: { id: number; attempt: number },
    kind: ReportKindNumber,
    outcome: unknown,
    times: { startedAt: number; endedAt: number },
  ): void {
    if (this.#ids.length === 0) this.#firstAt = times.endedAt;
    this.#lastAt = times.endedAt;
    this.#ids.push(task.id);
    this.#attempts.push(task.attempt);
    this.#kinds.push(kind);
    this.#durationsUs.push(Math.min((times.endedAt - times.startedAt) * 1000, 0xffffffff));
    this.#outcomes.push(outcome);
    if (typeof outcome === "object" && outcome !== null) this.#bytes += largeBytes(outcome);
  }

  /** Whether the oldest one had waited long enough when the latest one ended. */
  get isDue(): boolean {
    const count = this.#ids.length;
    if (count === 0) return false;
    return (
      this.#lastAt - this.#firstAt >= MAX_WAIT_MS || count >= MAX_BATCH || this.#bytes >= MAX_BATCH_BYTES
    );
  }

  /** All of them, packed, and the buffer is empty again. */
  take(): Uint8Array<ArrayBuffer> {
    const body = packReports(
      {
        ids: this.#ids,
        attempts: this.#attempts,
        kinds: this.#kinds,
        durationsUs: this.#durationsUs,
      },
      this.#outcomes,
    );
    this.#ids = [];
    this.#attempts = [];
    this.#kinds = [];
    this.#durationsUs = [];
    this.#outcomes = [];
    this.#bytes = 0;
    return body;
  }
}

/** Of a value's bytes, or of the texts of an error. */
function largeBytes(outcome: {
  byteLength?: number;
  message?: string;
  stack?: string;
  data?: Uint8Array;
}): number {
  const { byteLength = 0, message = "", stack = "", data } = outcome;
  return byteLength + message.length + stack.length + (data?.byteLength ?? 0);
}
