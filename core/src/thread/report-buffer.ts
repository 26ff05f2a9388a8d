import { Haste, type HasteNumber, type ReportKindNumber, writeReports } from "../wire/batches.ts";
import { packMessage } from "../wire/message.ts";

/**
 * How long a finished task may wait for the next one's company, in milliseconds. Each batch costs the driver a wake-up,
 * and there the wake-ups of all lanes add up.
 */
const MAX_WAIT_MS = 10;
/** The most ends in a batch: a large one delays its first task for nothing. */
const MAX_ROWS = 1024;
/** Room for what tasks gave, in bytes: for the largest value that rides in a message, and as much again. */
const OUTCOME_BYTES = 128 * 1024;

/** Words that both threads move by compare-and-exchange. */
const HOLDER = 0;
const ROWS = 1;
const BYTES = 2;
const BEHIND_LOGS = 3;
const HEADER_WORDS = 4;
const TABLE_WORDS = MAX_ROWS * 4;
const OUTCOMES_AT = (HEADER_WORDS + TABLE_WORDS) * 4;

const NOBODY = 0;
const SOMEBODY = 1;
/** After so long, in milliseconds, whoever waits for the other side looks again. */
const RECHECK_MS = 1;

/** The end of an attempt. Times are milliseconds of the thread's own clock. */
export interface AttemptEnd {
  readonly id: number;
  readonly attempt: number;
  readonly kind: ReportKindNumber;
  readonly outcome: unknown;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly haste: HasteNumber;
}

/** What a thread has to do, as far as it can know. */
export interface Prospect {
  /** Milliseconds that the next task will take. */
  readonly nextMs: number;
  /** Milliseconds that all will take. */
  readonly leftMs: number;
}

/** An end that is to be told soon waits so long for company, in milliseconds, unless the thread has nothing left to do. */
const SOON_MS = 4;
/**
 * And one that is to be told at once, so long at most; but no longer than this share of what the thread has left to do:
 * one that soon has nothing needs the driver's answer soon.
 */
const AT_ONCE_MS = 1;
const AT_ONCE_SHARE = 1 / 8;

/**
 * Ends of tasks that have not been told yet. Those that end close together travel together. They lie in memory that the
 * worker's main thread sees as well: when the thread is busy for long, or has ended, that one tells of them.
 */
export class ReportBuffer {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #table: Uint32Array;
  readonly #outcomes: Uint8Array;
  readonly #view: DataView;
  #firstAt = 0;
  #lastAt = 0;
  /** The greatest haste of those that are here, and since when. */
  #haste: HasteNumber = Haste.none;
  #hastySince = 0;

  /** @param buffer what the other thread has; undefined for a new one */
  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(OUTCOMES_AT + OUTCOME_BYTES)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, HEADER_WORDS);
    this.#table = new Uint32Array(buffer, HEADER_WORDS * 4, TABLE_WORDS);
    this.#outcomes = new Uint8Array(buffer, OUTCOMES_AT);
    this.#view = new DataView(buffer, OUTCOMES_AT);
  }

  /** Log lines have not left the thread yet: no end may overtake them, since a run may end with it. */
  get isBehindLogs(): boolean {
    return Atomics.load(this.#words, BEHIND_LOGS) !== 0;
  }

  set isBehindLogs(value: boolean) {
    Atomics.store(this.#words, BEHIND_LOGS, value ? 1 : 0);
  }

  /** Task thread: takes an end in. `false` when there is no room for it. */
  add(end: AttemptEnd): boolean {
    const words = this.#words;
    this.#hold();
    const row = words[ROWS]!;
    const at = words[BYTES]!;
    const after = row < MAX_ROWS ? this.#writeOutcome(end.outcome, at) : -1;
    if (after >= 0) {
      const table = this.#table;
      table[row] = end.id;
      table[MAX_ROWS + row] = end.attempt;
      table[2 * MAX_ROWS + row] = end.kind;
      table[3 * MAX_ROWS + row] = durationUs(end);
      words[BYTES] = after;
      // The last of all: a thread that ends before has added nothing.
      Atomics.store(words, ROWS, row + 1);
      if (row === 0) {
        this.#firstAt = end.endedAt;
        this.#haste = Haste.none;
      }
      this.#lastAt = end.endedAt;
      if (end.haste > this.#haste) {
        this.#haste = end.haste;
        this.#hastySince = end.endedAt;
      }
    }
    this.#release();
    return after >= 0;
  }

  /** Task thread: whether to tell now, rather than after the next task. */
  isDue({ nextMs, leftMs }: Prospect): boolean {
    const rows = Atomics.load(this.#words, ROWS);
    if (rows === 0) return false;
    if (rows >= MAX_ROWS || this.#lastAt - this.#firstAt >= MAX_WAIT_MS) return true;
    if (this.#haste === Haste.none) return false;
    const patienceMs = this.#haste === Haste.soon ? SOON_MS : Math.min(leftMs * AT_ONCE_SHARE, AT_ONCE_MS);
    return this.#lastAt - this.#hastySince + nextMs > patienceMs;
  }

  /** Task thread: all of them, as the body of a message, and the buffer is empty again; undefined when there are none. */
  take(): Uint8Array<ArrayBuffer> | undefined {
    this.#hold();
    const body = this.#empty();
    this.#release();
    return body;
  }

  /** The other thread: the same, unless the task thread is at it just now, or has log lines to send before. */
  takeFromOutside(): Uint8Array<ArrayBuffer> | undefined {
    if (this.isBehindLogs) return undefined;
    if (Atomics.compareExchange(this.#words, HOLDER, NOBODY, SOMEBODY) !== NOBODY) return undefined;
    const body = this.#empty();
    this.#release();
    return body;
  }

  /** The other thread, when the task thread has ended: the same, whatever that one was at. */
  takeLast(): Uint8Array<ArrayBuffer> | undefined {
    return this.#empty();
  }

  #empty(): Uint8Array<ArrayBuffer> | undefined {
    const words = this.#words;
    const rows = words[ROWS]!;
    if (rows === 0) return undefined;
    const column = (index: number): Uint32Array =>
      this.#table.subarray(index * MAX_ROWS, index * MAX_ROWS + rows);
    const body = writeReports(
      { ids: column(0), attempts: column(1), kinds: column(2), durationsUs: column(3) },
      this.#outcomes.subarray(0, words[BYTES]!),
    );
    words[BYTES] = 0;
    Atomics.store(words, ROWS, 0);
    return body;
  }

  /** Writes an outcome behind the others. Gives the place after it, or -1 when there is no room. */
  #writeOutcome(outcome: unknown, at: number): number {
    if (typeof outcome === "number") {
      if (at + 9 > OUTCOME_BYTES) return -1;
      // As msgpack writes a number of 64 bits, without asking for a buffer.
      this.#outcomes[at] = 0xcb;
      this.#view.setFloat64(at + 1, outcome);
      return at + 9;
    }
    const packed = outcome === undefined ? UNDEFINED : packMessage(outcome);
    if (at + packed.length > OUTCOME_BYTES) return -1;
    this.#outcomes.set(packed, at);
    return at + packed.length;
  }

  #hold(): void {
    const words = this.#words;
    while (Atomics.compareExchange(words, HOLDER, NOBODY, SOMEBODY) !== NOBODY)
      Atomics.wait(words, HOLDER, SOMEBODY, RECHECK_MS);
  }

  #release(): void {
    Atomics.store(this.#words, HOLDER, NOBODY);
  }
}

const UNDEFINED = packMessage(undefined);

/** Microseconds, as far as the table can hold them. */
export function durationUs({ startedAt, endedAt }: Pick<AttemptEnd, "startedAt" | "endedAt">): number {
  return Math.min((endedAt - startedAt) * 1000, 0xffffffff);
}
