import { type Transferable, Worker } from "node:worker_threads";
import type { Clock, Timer } from "../base/clock.ts";
import {
  type CancelMessage,
  type LaneEndedMessage,
  ReportKind,
  type ReturnedMessage,
} from "../wire/protocol.ts";
import { type BegunAttempt, type EndReason, TaskBoard } from "./task-board.ts";
import type { FromThread, ThreadData, ToThread } from "./thread-messages.ts";
import { print } from "./thread-output.ts";

/** What a lane tells whoever holds it. */
export interface LaneSink {
  /** Attempts that run, as `[id, attempt]` pairs. */
  started(ids: readonly number[]): void;
  returned(message: ReturnedMessage): void;
  ended(message: LaneEndedMessage): void;
  /** The thread wants a blob, or has made one. */
  blob(lane: Lane, message: BlobMessage): void;
  /** Threads end before they can run anything. */
  broken(reason: string): void;
}

export type BlobMessage = Extract<FromThread, { type: "blobGet" | "blobPut" }>;

export interface LaneOptions {
  readonly workerId: string;
  /** Tasks that run at once. */
  readonly concurrency: number;
  readonly file: string;
  readonly clock: Clock;
  readonly sink: LaneSink;
  /** A number that no thread of this worker has had. */
  readonly nextNumber: () => number;
  /** The first message to a thread; undefined while the run is not known. */
  readonly run: (
    lane: number,
  ) => { readonly message: ToThread; readonly transfer: Transferable[] } | undefined;
  /** What a thread has to be told as soon as it is ready. */
  readonly code: () => readonly ToThread[];
  /** Megabytes of heap that a thread may use. */
  readonly heapLimitMb: number | undefined;
  /** Milliseconds an attempt of this function may run. */
  readonly timeoutMs: (functionIndex: number) => number | undefined;
  /** Milliseconds that an attempt which timed out has to clean up, before its thread is ended. */
  readonly timeoutGraceMs: number;
}

/** What is being done to end an attempt. */
interface Ending {
  readonly attempt: BegunAttempt;
  readonly threadEndsAt: number;
  readonly timer: Timer;
}

/** How often a lane looks which of its tasks run, in milliseconds. */
const WATCH_MS = 20;
/** After so many looks at which nothing ran or had run, nobody looks until the thread asks for it. */
const QUIET_LOOKS = 5;
/** So many threads in a row that end before they could begin a task: it will not get better. */
const MAX_BOOT_FAILURES = 3;
/** The next ones then wait so long, in milliseconds. */
const REBOOT_MS = 1000;
const NEIGHBOUR_ENDED: LaneEndedMessage["death"] = {
  deliberate: true,
  outOfMemory: false,
  reason: "another task of its thread was cancelled or timed out and did not end by itself",
};

/**
 * A task thread, seen from the worker's main thread: it starts the thread and, in the place of one that ended, another;
 * and it does what a thread cannot do while a task keeps it busy: it tells what runs, ends what takes too long or was
 * cancelled, and takes back what has not begun.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #endings = new Map<number, Ending>();
  /** What ran when it was last looked, by place, and since when. */
  #seen = new Map<number, { readonly turn: number; readonly since: number }>();
  #number = 0;
  #board!: TaskBoard;
  #thread!: Worker;
  #isReady = false;
  /** Why the thread ends, as far as it said. */
  #death: LaneEndedMessage["death"] | undefined;
  #watch: Timer | undefined;
  #reboot: Timer | undefined;
  #lastNext = 0;
  #quietLooks = 0;
  /** Threads in a row that ended without having begun a task. */
  #bootFailures = 0;
  #left: PromiseWithResolvers<void> | undefined;
  #flushed: PromiseWithResolvers<void> | undefined;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#startThread();
  }

  /** Of the thread that is there now. */
  get number(): number {
    return this.#number;
  }

  /** The run is known. */
  startRun(): void {
    const run = this.#options.run(this.#number);
    if (run !== undefined) this.#thread.postMessage(run.message, run.transfer);
  }

  /** A thread that is not ready yet is told when it is. */
  tell(message: ToThread): void {
    if (this.#isReady) this.#thread.postMessage(message);
  }

  /** Takes back what has not begun of the tasks before number `end`. */
  recall(end: number): void {
    const from = this.#board.takeBack(end);
    if (((end - from) | 0) > 0) this.#options.sink.returned({ lane: this.#number, from: from >>> 0, end });
  }

  cancel({ id, attempt, end, graceMs }: CancelMessage): void {
    this.recall(end);
    const begun = this.#board
      .begun({ beginning: true })
      .find((one) => one.id === id && one.attempt === attempt);
    if (begun !== undefined) this.#endAttempt(begun, "cancelled", graceMs);
  }

  /** Resolves when what runs has ended, and the engine knows. What has not begun has been taken back before. */
  leave(): Promise<void> {
    if (!this.#isReady) return Promise.resolve();
    this.#left ??= Promise.withResolvers<void>();
    this.tell({ type: "leave" });
    return this.#left.promise;
  }

  /**
   * Resolves when what its tasks printed has arrived. A thread that is busy is not waited for, and none takes its place
   * any more.
   */
  flush(): Promise<void> {
    this.#closed = true;
    if (!this.#isReady || this.#board.begun().length > 0) return Promise.resolve();
    this.#flushed ??= Promise.withResolvers<void>();
    this.tell({ type: "flush" });
    return this.#flushed.promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch?.cancel();
    this.#reboot?.cancel();
    for (const { timer } of this.#endings.values()) timer.cancel();
    await this.#thread.terminate();
  }

  #startThread(): void {
    const { file, workerId, concurrency, heapLimitMb, nextNumber } = this.#options;
    this.#number = nextNumber();
    this.#board = new TaskBoard(concurrency);
    this.#isReady = false;
    this.#death = undefined;
    this.#lastNext = 0;
    this.#seen.clear();
    const data: ThreadData = { lane: this.#number, workerId, concurrency, board: this.#board.buffer };
    const thread = new Worker(file, {
      workerData: data,
      resourceLimits: heapLimitMb === undefined ? {} : { maxOldGenerationSizeMb: heapLimitMb },
    });
    this.#thread = thread;
    thread.on("message", (message: FromThread) => this.#receive(message));
    thread.on("error", (error: Error & { code?: string }) => {
      const outOfMemory = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      const limit = heapLimitMb === undefined ? "Node's default" : `${heapLimitMb} MiB`;
      const reason = outOfMemory
        ? `its thread ran out of memory (the heap limit is ${limit})`
        : `an error outside of any task's promise ended its thread: ${error.stack ?? String(error)}`;
      this.#death = { outOfMemory, reason, deliberate: false };
    });
    thread.on("exit", (code) => this.#threadEnded(code));
    this.startRun();
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case "ready":
        this.#isReady = true;
        for (const code of this.#options.code()) this.tell(code);
        return;
      case "watch":
        this.#startWatch();
        return;
      case "print":
        print(message.stream, message.bytes);
        return;
      case "left":
        this.#left?.resolve();
        return;
      case "flushed":
        this.#flushed?.resolve();
        return;
      case "disconnected":
        if (this.#closed) return;
        this.#death = { reason: message.reason, outOfMemory: false, deliberate: false };
        void this.#thread.terminate();
        return;
      case "blobGet":
      case "blobPut":
        this.#options.sink.blob(this, message);
        return;
    }
  }

  #startWatch(): void {
    this.#quietLooks = 0;
    this.#watch = this.#options.clock.after(WATCH_MS, () => this.#look());
  }

  /** Tells which attempts run, and ends those that run too long. */
  #look(): void {
    const { clock, sink, timeoutMs, timeoutGraceMs } = this.#options;
    const now = clock.now();
    const seen = new Map<number, { turn: number; since: number }>();
    const started: number[] = [];
    for (const attempt of this.#board.begun()) {
      const { place, turn } = attempt;
      const before = this.#seen.get(place);
      const since = before?.turn === turn ? before.since : now;
      if (before?.turn !== turn) started.push(attempt.id, attempt.attempt);
      seen.set(place, { turn, since });
      if (now - since >= (timeoutMs(attempt.fn) ?? Number.POSITIVE_INFINITY))
        this.#endAttempt(attempt, "timeout", timeoutGraceMs);
    }
    this.#seen = seen;
    if (started.length > 0) sink.started(started);
    this.#lookAgain();
  }

  #lookAgain(): void {
    const { next } = this.#board;
    this.#quietLooks = this.#seen.size === 0 && next === this.#lastNext ? this.#quietLooks + 1 : 0;
    this.#lastNext = next;
    if (this.#quietLooks > QUIET_LOOKS) {
      this.#board.unwatch();
      // What began just before did not ask for a watch; else it asks when it begins.
      if (this.#board.next === next || !this.#board.watch()) return;
    }
    this.#watch = this.#options.clock.after(WATCH_MS, () => this.#look());
  }

  /** Tells the attempt to end, and ends its thread when it does not; asked again, it may be given less time. */
  #endAttempt(attempt: BegunAttempt, reason: EndReason, graceMs: number): void {
    const { clock } = this.#options;
    const { place, turn } = attempt;
    if (!this.#board.tellToEnd(attempt, reason)) return;
    const before = this.#endings.get(place);
    const asked = before?.attempt.turn === turn ? before : undefined;
    const threadEndsAt = Math.min(clock.now() + graceMs, asked?.threadEndsAt ?? Number.POSITIVE_INFINITY);
    if (asked?.threadEndsAt === threadEndsAt) return;
    before?.timer.cancel();
    const timer = clock.after(threadEndsAt - clock.now(), () => {
      this.#endings.delete(place);
      if (this.#board.tellToEnd(attempt, reason)) void this.#thread.terminate();
    });
    this.#endings.set(place, { attempt, threadEndsAt, timer });
    if (asked === undefined) this.tell({ type: "abort", place });
  }

  /** Says what became of the tasks that were there, and starts another thread. */
  #threadEnded(exitCode: number): void {
    this.#left?.resolve();
    this.#flushed?.resolve();
    this.#watch?.cancel();
    for (const { timer } of this.#endings.values()) timer.cancel();
    this.#endings.clear();
    if (this.#closed) return;
    const told = this.#board
      .begun()
      .flatMap(({ id, attempt, ending }) => (ending === undefined ? [] : [id, attempt, ReportKind[ending]]));
    const alone = this.#death ?? {
      reason: `its thread ended by process.exit(${exitCode})`,
      outOfMemory: false,
      deliberate: false,
    };
    const next = this.#board.next >>> 0;
    this.#bootFailures = next > 0 ? 0 : this.#bootFailures + 1;
    const isUnusable = this.#bootFailures > MAX_BOOT_FAILURES;
    if (isUnusable && !this.#isReady) {
      this.#options.sink.broken(`task threads end before they are ready: ${alone.reason}`);
      return;
    }
    this.#options.sink.ended({
      lane: this.#number,
      next,
      ended: told,
      death: told.length > 0 ? NEIGHBOUR_ENDED : alone,
      unusable: isUnusable
        ? `Importing the flow's code on a worker ended its thread, ${this.#bootFailures} times in a row: ${alone.reason}.`
        : undefined,
    });
    if (this.#left !== undefined) return;
    if (isUnusable) this.#reboot = this.#options.clock.after(REBOOT_MS, () => this.#startThread());
    else this.#startThread();
  }
}
