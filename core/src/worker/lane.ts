import type { Timer } from "../base/clock.ts";
import { endDescendants } from "../base/descendants.ts";
import type { BlobMessage, ToThread } from "../thread/thread-messages.ts";
import type { CancelMessage, LaneEndedMessage } from "../wire/protocol.ts";
import { LaneThread, type LaneThreadOptions, type ThreadEnd, type ThreadSink } from "./lane-thread.ts";

/** What a lane tells whoever holds it. */
export interface LaneSink extends ThreadSink {
  /** The thread wants a blob, or has made one. */
  blob(lane: Lane, message: BlobMessage): void;
  /** Threads end before they can run anything. */
  broken(reason: string): void;
  /** A thread cannot be ended, and what ran in it has been told as ended. */
  stuck(): void;
}

export interface LaneOptions extends LaneThreadOptions {
  readonly sink: LaneSink;
  /** Whether the process is there for nothing but its lanes, and ends when a thread cannot be ended. */
  readonly ownsProcess: boolean;
}

/** So many threads in a row that end before they could begin a task: it will not get better. */
const MAX_BOOT_FAILURES = 3;
/** After the first of these, the next one waits so long, in milliseconds. */
const REBOOT_MS = 250;
const PROCESS_ENDS: LaneEndedMessage["death"] = {
  deliberate: true,
  outOfMemory: false,
  reason:
    "another task of its worker was in a call that nothing can interrupt, and its whole process had to be ended",
};

/** A place for a task thread, seen from the worker's main thread, which starts another one there when one has ended. */
export class Lane {
  readonly #options: LaneOptions;
  #thread: LaneThread;
  #reboot: Timer | undefined;
  /** Threads in a row that ended without having begun a task. */
  #bootFailures = 0;
  /** No thread takes the place of one that ends any more. */
  #isLeaving = false;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#thread = this.#startThread();
  }

  /** Of the thread that is there now. */
  get number(): number {
    return this.#thread.number;
  }

  get isBusy(): boolean {
    return this.#thread.isBusy;
  }

  /** The run is known. */
  startRun(): void {
    this.#thread.startRun();
  }

  /** A thread that is not ready yet is told when it is. */
  tell(message: ToThread): void {
    this.#thread.tell(message);
  }

  /** Takes back what has not begun of the tasks before number `end`. */
  recall(end: number): void {
    this.#thread.recall(end);
  }

  cancel(message: CancelMessage): void {
    this.#thread.cancel(message);
  }

  /** Resolves when what runs has ended, and the engine knows. What has not begun has been taken back before. */
  leave(): Promise<void> {
    this.#isLeaving ||= this.#thread.isReady;
    return this.#thread.leave();
  }

  /** The process is about to be ended for another lane's sake: what runs here ends with it, and nothing more begins. */
  giveUp(): void {
    this.#thread.giveUp(PROCESS_ENDS);
  }

  /** The worker is about to end. */
  stop(): void {
    this.#closed = true;
    this.#thread.stop();
  }

  /** Ends the thread, whatever it does. `false` when it cannot be ended. */
  async close(): Promise<boolean> {
    this.stop();
    this.#reboot?.cancel();
    return await this.#thread.close();
  }

  #startThread(): LaneThread {
    return new LaneThread(this.#options, {
      blob: (message) => this.#options.sink.blob(this, message),
      ended: (end) => this.#threadEnded(end),
      stuck: () => this.#threadStuck(),
    });
  }

  /** Says what became of the tasks that were there, and starts another thread. */
  #threadEnded({ thread, reason, ...message }: ThreadEnd): void {
    if (this.#closed) return;
    // What its tasks started is of no use to anybody now.
    endDescendants({ mark: thread.mark });
    this.#bootFailures = thread.wasUsed ? 0 : this.#bootFailures + 1;
    const isUnusable = this.#bootFailures > MAX_BOOT_FAILURES;
    if (isUnusable && !thread.isReady) {
      this.#options.sink.broken(`task threads end before they are ready: ${reason}`);
      return;
    }
    const unusable = isUnusable ? this.#whyUnusable(thread, reason) : undefined;
    this.#options.sink.ended({ ...message, unusable });
    if (this.#isLeaving) return;
    const restart = (): void => {
      this.#thread = this.#startThread();
    };
    if (this.#bootFailures <= 1) restart();
    else this.#reboot = this.#options.clock.after(REBOOT_MS, restart);
  }

  /** It has said what became of its tasks. */
  #threadStuck(): void {
    const { ownsProcess, sink } = this.#options;
    sink.stuck();
    if (!ownsProcess && !this.#closed) this.#thread = this.#startThread();
  }

  #whyUnusable(thread: LaneThread, reason: string): string {
    const what = thread.isDisconnected
      ? "A thread of a worker had no connection to the driver"
      : "Importing the flow's code on a worker ended its thread";
    return `${what}, ${this.#bootFailures} times in a row: ${reason}.`;
  }
}
