import { isBefore } from "../base/round-numbers.ts";

/**
 * What a task thread has begun, in memory that the worker's main thread sees while the task thread is busy. The tasks of
 * a thread are numbered in the order in which they come. One word says which number is the next to begin: the task thread
 * moves it on by one for each task that it begins, the main thread moves it beyond those that it takes back, and whoever
 * comes second sees that it has been moved.
 *
 * What runs has a place of five words. The first one counts how often the place was taken, and says in its lowest bits
 * how it stands with the attempt: so that what is said of one attempt can never be taken for the next one's.
 */
const NEXT = 0;
const WATCHED = 1;
const PLACES_USED = 2;
const HEADER_WORDS = 3;

const PLACE_WORDS = 5;
const ID = 1;
const ATTEMPT = 2;
const FUNCTION = 3;
/** Milliseconds of the machine's clock, by 32 bits. */
const BEGAN_AT = 4;

/** A thread may be kept waiting between two looks at a clock; hardly between all of so many. */
const CLOCK_LOOKS = 32;
/** What this thread's `performance.now()` has to be given to be the time of the machine's clock, which all threads share. */
const CLOCK_OFFSET_MS = Math.max(
  ...Array.from({ length: CLOCK_LOOKS }, () => Number(process.hrtime.bigint()) / 1e6 - performance.now()),
);

const FREE = 0;
const BEGINNING = 1;
const RUNNING = 2;
const TOLD_TO_END = { timeout: 3, cancelled: 4 } as const;
const STANDING_BITS = 3;
const STANDING_MASK = (1 << STANDING_BITS) - 1;

/** More tasks than ever lie at a thread, and fewer than would be taken for a number that was passed. */
const FAR_AHEAD = 2 ** 30;

/** Why an attempt was told to end. */
export type EndReason = keyof typeof TOLD_TO_END;

/** An attempt that was seen running. */
export interface BegunAttempt {
  readonly id: number;
  readonly attempt: number;
  readonly fn: number;
  readonly place: number;
  /** Tells this attempt from every other that was or will be at its place. */
  readonly turn: number;
  /** How long it has run, in whole milliseconds. */
  readonly ranMs: number;
  /** Why it was told to end; undefined if it was not. */
  readonly ending: EndReason | undefined;
}

/** A task that begins; `beganAt` by this thread's `performance.now()`. */
export interface BeginningTask {
  readonly id: number;
  readonly attempt: number;
  readonly fn: number;
  readonly beganAt: number;
}

export class TaskBoard {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #now: () => number;

  /**
   * @param from what the other thread has, or the number of tasks that run at once
   * @param now this thread's time, in milliseconds
   */
  constructor(from: SharedArrayBuffer | number, now = () => performance.now()) {
    this.#now = now;
    this.buffer =
      typeof from === "number" ? new SharedArrayBuffer((HEADER_WORDS + from * PLACE_WORDS) * 4) : from;
    this.#words = new Int32Array(this.buffer);
  }

  /** The number of the next task to begin; it wraps around at 32 bits. */
  get next(): number {
    return Atomics.load(this.#words, NEXT);
  }

  /** Whether the thread ever came to begin a task. */
  get wasUsed(): boolean {
    return Atomics.load(this.#words, PLACES_USED) > 0;
  }

  /**
   * Task thread: the task of this number begins at `place`, which must be free. `false` when it was taken back, and must
   * not begin. It has its place before it counts as begun: what the main thread takes back, it has not overlooked.
   */
  begin(number: number, place: number, task: BeginningTask): boolean {
    const words = this.#words;
    const at = HEADER_WORDS + place * PLACE_WORDS;
    words[at + ID] = task.id;
    words[at + ATTEMPT] = task.attempt;
    words[at + FUNCTION] = task.fn;
    words[at + BEGAN_AT] = task.beganAt + CLOCK_OFFSET_MS;
    if (place >= words[PLACES_USED]!) Atomics.store(words, PLACES_USED, place + 1);
    const turn = Atomics.load(words, at) >> STANDING_BITS;
    Atomics.store(words, at, (turn << STANDING_BITS) | BEGINNING);
    if (Atomics.compareExchange(words, NEXT, number | 0, (number + 1) | 0) !== (number | 0)) {
      this.end(place);
      return false;
    }
    // Unless it has been told to end meanwhile.
    Atomics.compareExchange(
      words,
      at,
      (turn << STANDING_BITS) | BEGINNING,
      (turn << STANDING_BITS) | RUNNING,
    );
    return true;
  }

  /** Task thread: what ran at `place` has ended. Gives why it was told to, if it was. */
  end(place: number): EndReason | undefined {
    const at = HEADER_WORDS + place * PLACE_WORDS;
    const turn = (this.#words[at]! >> STANDING_BITS) + 1;
    return endReason(Atomics.exchange(this.#words, at, (turn << STANDING_BITS) | FREE));
  }

  /** Task thread: why what runs at `place` was told to end, if it was. */
  endingOf(place: number): EndReason | undefined {
    return endReason(Atomics.load(this.#words, HEADER_WORDS + place * PLACE_WORDS));
  }

  /**
   * Main thread: takes back all tasks before the number `end` that have not begun. Gives the first of them; `end` when
   * there is none.
   */
  takeBack(end: number): number {
    for (;;) {
      const next = this.next;
      if (!isBefore(next, end)) return end;
      if (Atomics.compareExchange(this.#words, NEXT, next, end | 0) === next) return next;
    }
  }

  /** Main thread: nothing more begins. Gives the number of the first task that has not. */
  close(): number {
    return this.takeBack(this.next + FAR_AHEAD);
  }

  /** Main thread: what runs; with `beginning`, also what may be about to. */
  begun(options: { beginning: boolean } = { beginning: false }): BegunAttempt[] {
    const words = this.#words;
    const found: BegunAttempt[] = [];
    const places = Atomics.load(words, PLACES_USED);
    const now = this.#now() + CLOCK_OFFSET_MS;
    for (let place = 0; place < places; place++) {
      const at = HEADER_WORDS + place * PLACE_WORDS;
      const word = Atomics.load(words, at);
      const standing = word & STANDING_MASK;
      if (standing === FREE || (standing === BEGINNING && !options.beginning)) continue;
      const turn = word >> STANDING_BITS;
      const id = Atomics.load(words, at + ID) >>> 0;
      const attempt = Atomics.load(words, at + ATTEMPT);
      const fn = Atomics.load(words, at + FUNCTION);
      const ranMs = Math.max((now - Atomics.load(words, at + BEGAN_AT)) | 0, 0);
      // Else the place was taken by another one while it was read.
      if (Atomics.load(words, at) >> STANDING_BITS !== turn) continue;
      found.push({ id, attempt, fn, place, turn, ranMs, ending: endReason(word) });
    }
    return found;
  }

  /** Main thread: this attempt is told to end; only the first reason counts. `false` when it has ended. */
  tellToEnd({ place, turn }: BegunAttempt, reason: EndReason): boolean {
    const at = HEADER_WORDS + place * PLACE_WORDS;
    for (;;) {
      const word = Atomics.load(this.#words, at);
      const standing = word & STANDING_MASK;
      if (word >> STANDING_BITS !== turn || standing === FREE) return false;
      if (standing > RUNNING) return true;
      const told = (turn << STANDING_BITS) | TOLD_TO_END[reason];
      if (Atomics.compareExchange(this.#words, at, word, told) === word) return true;
    }
  }

  /** Either thread: `true` the first time after `unwatch`, for whoever has to see to it that the main thread watches. */
  watch(): boolean {
    return (
      Atomics.load(this.#words, WATCHED) === 0 && Atomics.compareExchange(this.#words, WATCHED, 0, 1) === 0
    );
  }

  /** Main thread: nobody watches any more. */
  unwatch(): void {
    Atomics.store(this.#words, WATCHED, 0);
  }
}

function endReason(word: number): EndReason | undefined {
  const standing = word & STANDING_MASK;
  if (standing === TOLD_TO_END.timeout) return "timeout";
  return standing === TOLD_TO_END.cancelled ? "cancelled" : undefined;
}
