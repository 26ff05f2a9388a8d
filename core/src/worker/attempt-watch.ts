import type { Clock, Timer } from "../base/clock.ts";
import type { BegunAttempt, EndReason, TaskBoard } from "../thread/task-board.ts";

export interface AttemptWatchOptions {
  readonly board: TaskBoard;
  readonly clock: Clock;
  /** Milliseconds an attempt of this function may run. */
  readonly timeoutMs: (functionIndex: number) => number | undefined;
  /** Milliseconds that an attempt which timed out has to clean up, before its thread is ended. */
  readonly timeoutGraceMs: () => number;
  /** Attempts that run, as `[id, attempt]` pairs, once each. */
  readonly started: (ids: readonly number[]) => void;
  /** Called with each look. */
  readonly looked?: () => void;
  /** Tells the thread that the attempt at this place is to end. */
  readonly abort: (place: number) => void;
  /** Ends the thread, whatever it does. */
  readonly endThread: () => void;
}

/** An attempt that was told to end. */
interface Ending {
  readonly turn: number;
  readonly threadEndsAt: number;
  readonly timer: Timer;
}

/** How often it is looked which tasks run, in milliseconds; when the time of one that runs is up, sooner. */
const LOOK_MS = 50;
/** After so many looks at which nothing ran or had run, nobody looks until the thread asks for it. */
const QUIET_LOOKS = 5;

/** Looks after the attempts of one task thread, which may be too busy to: it tells what runs, and ends what has to end. */
export class AttemptWatch {
  readonly #options: AttemptWatchOptions;
  /** What ran at the last look: its turn, by place. */
  #seen = new Map<number, number>();
  readonly #endings = new Map<number, Ending>();
  #nextLook: Timer | undefined;
  #lastNext = 0;
  #quietLooks = 0;

  constructor(options: AttemptWatchOptions) {
    this.#options = options;
  }

  /** The thread says that tasks begin, which it does when nobody watches. */
  start(): void {
    this.#quietLooks = 0;
    this.#lookLater();
  }

  /** Tells the attempt to end, and ends its thread when it does not; asked again, it may be given less time. */
  end(attempt: BegunAttempt, reason: EndReason, graceMs: number): void {
    const { board, clock, abort, endThread } = this.#options;
    if (!board.tellToEnd(attempt, reason)) return;
    const { place, turn } = attempt;
    const last = this.#endings.get(place);
    const asked = last?.turn === turn ? last : undefined;
    const threadEndsAt = Math.min(clock.now() + graceMs, asked?.threadEndsAt ?? Number.POSITIVE_INFINITY);
    if (asked?.threadEndsAt === threadEndsAt) return;
    last?.timer.cancel();
    const timer = clock.after(threadEndsAt - clock.now(), () => {
      if (board.tellToEnd(attempt, reason)) endThread();
    });
    this.#endings.set(place, { turn, threadEndsAt, timer });
    if (asked === undefined) abort(place);
  }

  close(): void {
    this.#nextLook?.cancel();
    for (const { timer } of this.#endings.values()) timer.cancel();
  }

  #lookLater(afterMs = LOOK_MS): void {
    this.#nextLook = this.#options.clock.after(afterMs, () => this.#look());
  }

  #look(): void {
    const { board, timeoutMs, timeoutGraceMs } = this.#options;
    const before = this.#seen;
    this.#seen = new Map();
    const started: number[] = [];
    let nextLookMs = LOOK_MS;
    for (const attempt of board.begun()) {
      const { place, turn } = attempt;
      if (before.get(place) !== turn) started.push(attempt.id, attempt.attempt);
      this.#seen.set(place, turn);
      const leftMs = (timeoutMs(attempt.fn) ?? Number.POSITIVE_INFINITY) - attempt.ranMs;
      if (leftMs <= 0) this.end(attempt, "timeout", timeoutGraceMs());
      else nextLookMs = Math.min(nextLookMs, leftMs);
    }
    if (started.length > 0) this.#options.started(started);
    this.#options.looked?.();
    if (this.#mayRest(board)) return;
    this.#lookLater(nextLookMs);
  }

  /** `true` when it has been quiet for a while, and the thread will say when it no longer is. */
  #mayRest(board: TaskBoard): boolean {
    const { next } = board;
    this.#quietLooks = this.#seen.size === 0 && next === this.#lastNext ? this.#quietLooks + 1 : 0;
    this.#lastNext = next;
    if (this.#quietLooks < QUIET_LOOKS) return false;
    board.unwatch();
    // What began just before saw that somebody watched, and said nothing.
    return board.next === next || !board.watch();
  }
}
