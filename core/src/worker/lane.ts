import { type Transferable, Worker } from "node:worker_threads";
import type { Clock, Timer } from "../base/clock.ts";
import { endDescendants, type Mark } from "../base/descendants.ts";
import {
  type CancelMessage,
  isBefore,
  type LaneEndedMessage,
  ReportKind,
  type ReturnedMessage,
} from "../wire/protocol.ts";
import { AttemptWatch } from "./attempt-watch.ts";
import { endThread } from "./end-thread.ts";
import { ReportBuffer } from "./report-buffer.ts";
import { TaskBoard } from "./task-board.ts";
import type { FromThread, ThreadData, ToThread } from "./thread-messages.ts";
import { PrintCount, print } from "./thread-output.ts";

/** What a lane tells whoever holds it. */
export interface LaneSink {
  /** Attempts that run, as `[id, attempt]` pairs. */
  started(ids: readonly number[]): void;
  returned(message: ReturnedMessage): void;
  /** Ends that the thread could not tell by itself, as the body of a reports frame. */
  reports(lane: number, body: Uint8Array): void;
  ended(message: LaneEndedMessage): void;
  /** The thread wants a blob, or has made one. */
  blob(lane: Lane, message: BlobMessage): void;
  /** Threads end before they can run anything. */
  broken(reason: string): void;
  /** A thread cannot be ended, and what ran in it has been told as ended. */
  stuck(): void;
}

export type BlobMessage = Extract<FromThread, { type: "blobGet" | "blobPut" }>;

export interface LaneOptions {
  readonly workerId: string;
  /** What all that this worker's tasks start inherits. */
  readonly mark: Mark;
  /** Whether the process is there for nothing but its lanes, and ends when a thread cannot be ended. */
  readonly ownsProcess: boolean;
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

/** So many threads in a row that end before they could begin a task: it will not get better. */
const MAX_BOOT_FAILURES = 3;
/** After the first of these, the next one waits so long, in milliseconds. */
const REBOOT_MS = 250;
const NEIGHBOUR_ENDED: LaneEndedMessage["death"] = {
  deliberate: true,
  outOfMemory: false,
  reason: "another task of its thread was cancelled or timed out and did not end by itself",
};
const PROCESS_ENDS: LaneEndedMessage["death"] = {
  deliberate: true,
  outOfMemory: false,
  reason:
    "another task of its worker was in a call that nothing can interrupt, and its whole process had to be ended",
};

/**
 * A task thread, seen from the worker's main thread, which starts another one in the place of a thread that ended, and
 * does for it what it cannot while a task keeps it busy.
 */
export class Lane {
  readonly #options: LaneOptions;
  #number = 0;
  #board!: TaskBoard;
  #watch!: AttemptWatch;
  #prints!: PrintCount;
  #reports!: ReportBuffer;
  /** The next task to begin, as it was when the attempts were last looked at. */
  #lastNext = 0;
  #thread!: Worker;
  /** What the programs that this thread starts inherit. */
  #mark!: Mark;
  #isEnding = false;
  #isReady = false;
  #isDisconnected = false;
  /** Why the thread ends, as far as it said. */
  #death: LaneEndedMessage["death"] | undefined;
  #reboot: Timer | undefined;
  /** Threads in a row that ended without having begun a task. */
  #bootFailures = 0;
  #left: PromiseWithResolvers<void> | undefined;
  /** Nothing more comes of this lane: its thread cannot be ended, or was left to the end of its process. */
  #isGivenUp = false;
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
    if (isBefore(from, end)) this.#options.sink.returned({ lane: this.#number, from: from >>> 0, end });
  }

  cancel({ id, attempt, end, graceMs }: CancelMessage): void {
    this.recall(end);
    const begun = this.#board
      .begun({ beginning: true })
      .find((one) => one.id === id && one.attempt === attempt);
    if (begun !== undefined) this.#watch.end(begun, "cancelled", graceMs);
  }

  /** Resolves when what runs has ended, and the engine knows. What has not begun has been taken back before. */
  leave(): Promise<void> {
    if (!this.#isReady || this.#isGivenUp) return Promise.resolve();
    this.#left ??= Promise.withResolvers<void>();
    this.tell({ type: "leave" });
    return this.#left.promise;
  }

  /** The process is about to be ended for another lane's sake: what runs here ends with it, and nothing more begins. */
  giveUp(): void {
    if (!this.#isGivenUp && !this.#closed) this.#tellGivenUp(PROCESS_ENDS);
    this.#left?.resolve();
  }

  /** The worker is about to end: no thread takes another one's place any more. */
  stop(): void {
    this.#closed = true;
  }

  /** Ends the thread, whatever it does. `false` when it cannot be ended. */
  async close(): Promise<boolean> {
    this.#closed = true;
    this.#watch.close();
    this.#reboot?.cancel();
    return endThread(this.#thread, { mark: this.#mark, clock: this.#options.clock });
  }

  #startThread(): void {
    const { file, workerId, mark, concurrency, heapLimitMb, nextNumber } = this.#options;
    this.#number = nextNumber();
    this.#mark = { ...mark, MUSTER_LANE: String(this.#number) };
    this.#isEnding = false;
    this.#board = new TaskBoard(concurrency);
    this.#reports = new ReportBuffer();
    this.#watch = this.#watchAttempts(this.#board);
    this.#isReady = false;
    this.#isDisconnected = false;
    this.#death = undefined;
    this.#prints = new PrintCount();
    const data: ThreadData = {
      lane: this.#number,
      workerId,
      concurrency,
      board: this.#board.buffer,
      reports: this.#reports.buffer,
      prints: this.#prints.buffer,
    };
    const thread = new Worker(file, {
      workerData: data,
      env: { ...process.env, ...this.#mark },
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
    thread.on("exit", (code) => {
      // One that could not be ended may do so at last.
      if (thread === this.#thread && !this.#isGivenUp) this.#threadEnded(code);
    });
    this.startRun();
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case "ready":
        this.#isReady = true;
        for (const code of this.#options.code()) this.tell(code);
        return;
      case "watch":
        this.#watch.start();
        return;
      case "print":
        this.#print(message.stream, message.bytes);
        return;
      case "left":
        this.#left?.resolve();
        return;
      case "disconnected":
        if (this.#closed) return;
        this.#isDisconnected = true;
        this.#death = { reason: message.reason, outOfMemory: false, deliberate: false };
        void this.#endThread();
        return;
      case "blobGet":
      case "blobPut":
        this.#options.sink.blob(this, message);
        return;
    }
  }

  #print(stream: 1 | 2, bytes: Uint8Array): void {
    const prints = this.#prints;
    print(stream, bytes, () => prints.printed());
  }

  #watchAttempts(board: TaskBoard): AttemptWatch {
    const { clock, sink, timeoutMs, timeoutGraceMs } = this.#options;
    return new AttemptWatch({
      board,
      clock,
      timeoutMs,
      timeoutGraceMs,
      started: (ids) => sink.started(ids),
      looked: () => this.#tellHeldBack(),
      abort: (place) => this.tell({ type: "abort", place }),
      endThread: () => {
        this.#death ??= NEIGHBOUR_ENDED;
        void this.#endThread();
      },
    });
  }

  async #endThread(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    const { clock, ownsProcess, sink } = this.#options;
    const thread = this.#thread;
    if (await endThread(thread, { mark: this.#mark, clock })) return;
    if (thread !== this.#thread || this.#closed || this.#isGivenUp) return;
    this.#tellGivenUp(NEIGHBOUR_ENDED);
    this.#left?.resolve();
    sink.stuck();
    if (ownsProcess) return;
    this.#isGivenUp = false;
    this.#startThread();
  }

  /** What was told to end, as the engine hears of it. */
  #toldToEnd(): number[] {
    return this.#board
      .begun()
      .flatMap(({ id, attempt, ending }) => (ending === undefined ? [] : [id, attempt, ReportKind[ending]]));
  }

  #tellGivenUp(death: LaneEndedMessage["death"]): void {
    this.#isGivenUp = true;
    this.#isReady = false;
    this.#watch.close();
    const next = this.#board.close() >>> 0;
    this.#tellReports(this.#reports.takeFromOutside());
    this.#options.sink.ended({
      lane: this.#number,
      next,
      ended: this.#toldToEnd(),
      death,
      unusable: undefined,
    });
  }

  /** A thread tells of ends by itself, but for one that is busy for long with what was expected to be short. */
  #tellHeldBack(): void {
    const { next } = this.#board;
    if (next === this.#lastNext) this.#tellReports(this.#reports.takeFromOutside());
    this.#lastNext = next;
  }

  #tellReports(body: Uint8Array | undefined): void {
    if (body !== undefined) this.#options.sink.reports(this.#number, body);
  }

  /** Says what became of the tasks that were there, and starts another thread. */
  #threadEnded(exitCode: number): void {
    this.#left?.resolve();
    this.#watch.close();
    this.#tellReports(this.#reports.takeLast());
    if (this.#closed) return;
    // What its tasks started is of no use to anybody now.
    endDescendants({ mark: this.#mark });
    const told = this.#toldToEnd();
    const alone = this.#death ?? {
      reason: `its thread ended by process.exit(${exitCode})`,
      outOfMemory: false,
      deliberate: false,
    };
    this.#bootFailures = this.#board.wasUsed ? 0 : this.#bootFailures + 1;
    const isUnusable = this.#bootFailures > MAX_BOOT_FAILURES;
    if (isUnusable && !this.#isReady) {
      this.#options.sink.broken(`task threads end before they are ready: ${alone.reason}`);
      return;
    }
    this.#isReady = false;
    this.#options.sink.ended({
      lane: this.#number,
      next: this.#board.next >>> 0,
      ended: told,
      death: told.length > 0 ? NEIGHBOUR_ENDED : alone,
      unusable: isUnusable ? this.#whyUnusable(alone.reason) : undefined,
    });
    if (this.#left !== undefined) return;
    if (this.#bootFailures <= 1) this.#startThread();
    else this.#reboot = this.#options.clock.after(REBOOT_MS, () => this.#startThread());
  }

  #whyUnusable(reason: string): string {
    const what = this.#isDisconnected
      ? "A thread of a worker had no connection to the driver"
      : "Importing the flow's code on a worker ended its thread";
    return `${what}, ${this.#bootFailures} times in a row: ${reason}.`;
  }
}
