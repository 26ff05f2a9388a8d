import { type Transferable, Worker } from "node:worker_threads";
import type { Clock } from "../base/clock.ts";
import type { Mark } from "../base/descendants.ts";
import { isBefore } from "../base/round-numbers.ts";
import { ReportBuffer } from "../thread/report-buffer.ts";
import { TaskBoard } from "../thread/task-board.ts";
import type { BlobMessage, FromThread, ThreadData, ToThread } from "../thread/thread-messages.ts";
import { PrintCount } from "../thread/thread-output.ts";
import { ReportKind } from "../wire/batches.ts";
import type { CancelMessage, LaneEndedMessage, ReturnedMessage } from "../wire/protocol.ts";
import { AttemptWatch } from "./attempt-watch.ts";
import { endThread } from "./end-thread.ts";

/** What is told of the attempts at a lane. */
export interface ThreadSink {
  /** Attempts that run, as `[id, attempt]` pairs. */
  started(ids: readonly number[]): void;
  returned(message: ReturnedMessage): void;
  /** Ends that the thread could not tell by itself, as the body of a reports frame. */
  reports(lane: number, body: Uint8Array): void;
  ended(message: LaneEndedMessage): void;
}

export interface LaneThreadOptions {
  readonly workerId: string;
  /** What all that this worker's tasks start inherits. */
  readonly mark: Mark;
  /** Tasks that run at once. */
  readonly concurrency: number;
  readonly file: string;
  readonly clock: Clock;
  readonly sink: ThreadSink;
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
  /** What a task printed; `printed` is called when it has left this process. */
  readonly print: (stream: 1 | 2, bytes: Uint8Array, printed: () => void) => void;
  /** Milliseconds that an attempt which timed out has to clean up, before its thread is ended. */
  readonly timeoutGraceMs: () => number;
}

/** What a thread tells its lane. */
export interface LaneThreadListener {
  /** It wants a blob, or has made one. */
  blob(message: BlobMessage): void;
  ended(end: ThreadEnd): void;
  /** It cannot be ended. What became of its tasks has been told. */
  stuck(): void;
}

/** What became of the tasks of a thread that has ended, and why it did, whatever was told to end. */
export interface ThreadEnd extends Omit<LaneEndedMessage, "unusable"> {
  readonly thread: LaneThread;
  readonly reason: string;
}

const NEIGHBOUR_ENDED: LaneEndedMessage["death"] = {
  deliberate: true,
  outOfMemory: false,
  reason: "another task of its thread was cancelled or timed out and did not end by itself",
};

/**
 * A task thread, seen from the worker's main thread, which does for it what it cannot while a task keeps it busy: it sees
 * on the board what runs, tells of ends that are held back, and ends what has to end.
 */
export class LaneThread {
  readonly number: number;
  /** What the programs that its tasks start inherit. */
  readonly mark: Mark;
  readonly #options: LaneThreadOptions;
  readonly #lane: LaneThreadListener;
  readonly #board: TaskBoard;
  readonly #reports = new ReportBuffer();
  readonly #prints = new PrintCount();
  readonly #watch: AttemptWatch;
  readonly #thread: Worker;
  /** The next task to begin, as it was when the attempts were last looked at. */
  #lastNext = 0;
  #isReady = false;
  #isDisconnected = false;
  /** Why it ends, as far as it said. */
  #death: LaneEndedMessage["death"] | undefined;
  #left: PromiseWithResolvers<void> | undefined;
  #ending: Promise<boolean> | undefined;
  #isStopping = false;
  /** Its end has been told: it has ended, or is left to the end of its process. */
  #isOver = false;

  constructor(options: LaneThreadOptions, lane: LaneThreadListener) {
    const { mark, concurrency, nextNumber } = options;
    this.#options = options;
    this.#lane = lane;
    this.number = nextNumber();
    this.mark = { ...mark, MUSTER_LANE: String(this.number) };
    this.#board = new TaskBoard(concurrency);
    this.#watch = this.#watchAttempts();
    this.#thread = this.#start();
    this.startRun();
  }

  /** It has reached the engine, and user code may have been loaded. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** It has lost the engine. */
  get isDisconnected(): boolean {
    return this.#isDisconnected;
  }

  /** Whether anything runs in it. */
  get isBusy(): boolean {
    return this.#board.begun().length > 0;
  }

  /** Whether it ever came to begin a task. */
  get wasUsed(): boolean {
    return this.#board.wasUsed;
  }

  /** The run is known, or may be. */
  startRun(): void {
    const run = this.#options.run(this.number);
    if (run !== undefined) this.#thread.postMessage(run.message, run.transfer);
  }

  tell(message: ToThread): void {
    if (this.#isReady) this.#thread.postMessage(message);
  }

  recall(end: number): void {
    const from = this.#board.takeBack(end);
    if (isBefore(from, end)) this.#options.sink.returned({ lane: this.number, from: from >>> 0, end });
  }

  cancel({ id, attempt, end, graceMs }: CancelMessage): void {
    this.recall(end);
    const begun = this.#board
      .begun({ beginning: true })
      .find((one) => one.id === id && one.attempt === attempt);
    if (begun !== undefined) this.#watch.end(begun, "cancelled", graceMs);
  }

  leave(): Promise<void> {
    if (!this.#isReady || this.#isOver) return Promise.resolve();
    this.#left ??= Promise.withResolvers<void>();
    this.tell({ type: "leave" });
    return this.#left.promise;
  }

  /** Nothing more begins here, and what runs is left to the end of the process. */
  giveUp(death: LaneEndedMessage["death"]): void {
    if (this.#isOver || this.#isStopping) return;
    const next = this.#board.close() >>> 0;
    this.#over(this.#reports.takeFromOutside());
    this.#options.sink.ended({
      lane: this.number,
      next,
      ended: this.#toldToEnd(),
      death,
      unusable: undefined,
    });
  }

  /** Its process is about to end, and with it the connection to the engine. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Ends it, whatever it does. `false` when it cannot be ended. */
  close(): Promise<boolean> {
    this.#watch.close();
    return this.#end();
  }

  #start(): Worker {
    const { file, workerId, concurrency, heapLimitMb } = this.#options;
    const data: ThreadData = {
      lane: this.number,
      workerId,
      concurrency,
      board: this.#board.buffer,
      reports: this.#reports.buffer,
      prints: this.#prints.buffer,
    };
    const thread = new Worker(file, {
      workerData: data,
      env: { ...process.env, ...this.mark },
      resourceLimits: heapLimitMb === undefined ? {} : { maxOldGenerationSizeMb: heapLimitMb },
    });
    thread.on("message", (message: FromThread) => this.#receive(message));
    thread.on("error", (error: Error & { code?: string }) => {
      const outOfMemory = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      const limit = heapLimitMb === undefined ? "Node's default" : `${heapLimitMb} MiB`;
      const reason = outOfMemory
        ? `its thread ran out of memory (the heap limit is ${limit})`
        : `an error outside of any task's promise ended its thread: ${error.stack ?? String(error)}`;
      this.#death = { outOfMemory, reason, deliberate: false };
    });
    thread.on("exit", (code) => this.#exited(code));
    return thread;
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
        this.#options.print(message.stream, message.bytes, () => this.#prints.printed());
        return;
      case "left":
        this.#left?.resolve();
        return;
      case "disconnected":
        if (this.#isStopping) return;
        this.#isDisconnected = true;
        this.#death = { reason: message.reason, outOfMemory: false, deliberate: false };
        void this.#endOrGiveUp();
        return;
      case "blobGet":
      case "blobPut":
        this.#lane.blob(message);
        return;
    }
  }

  #watchAttempts(): AttemptWatch {
    const { clock, sink, timeoutMs, timeoutGraceMs } = this.#options;
    return new AttemptWatch({
      board: this.#board,
      clock,
      timeoutMs,
      timeoutGraceMs,
      started: (ids) => sink.started(ids),
      looked: () => this.#tellHeldBack(),
      abort: (place) => this.tell({ type: "abort", place }),
      endThread: () => {
        this.#death ??= NEIGHBOUR_ENDED;
        void this.#endOrGiveUp();
      },
    });
  }

  async #endOrGiveUp(): Promise<void> {
    if ((await this.#end()) || this.#isOver || this.#isStopping) return;
    this.giveUp(NEIGHBOUR_ENDED);
    this.#lane.stuck();
  }

  #end(): Promise<boolean> {
    this.#ending ??= endThread(this.#thread, { mark: this.mark, clock: this.#options.clock });
    return this.#ending;
  }

  /** It tells of ends by itself, unless it is busy for long with what was expected to be short. */
  #tellHeldBack(): void {
    const { next } = this.#board;
    if (next === this.#lastNext) this.#tellReports(this.#reports.takeFromOutside());
    this.#lastNext = next;
  }

  #tellReports(body: Uint8Array | undefined): void {
    if (body !== undefined) this.#options.sink.reports(this.number, body);
  }

  #exited(code: number): void {
    if (this.#isOver) return;
    this.#over(this.#reports.takeLast());
    const ended = this.#toldToEnd();
    const alone = this.#death ?? {
      reason: `its thread ended by process.exit(${code})`,
      outOfMemory: false,
      deliberate: false,
    };
    this.#lane.ended({
      thread: this,
      reason: alone.reason,
      lane: this.number,
      next: this.#board.next >>> 0,
      ended,
      death: ended.length > 0 ? NEIGHBOUR_ENDED : alone,
    });
  }

  /** @param reports ends that it could not tell any more */
  #over(reports: Uint8Array | undefined): void {
    this.#isOver = true;
    this.#left?.resolve();
    this.#watch.close();
    this.#tellReports(reports);
  }

  /** What was told to end, as the engine hears of it. */
  #toldToEnd(): number[] {
    return this.#board
      .begun()
      .flatMap(({ id, attempt, ending }) => (ending === undefined ? [] : [id, attempt, ReportKind[ending]]));
  }
}
