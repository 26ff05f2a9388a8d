import { Worker } from "node:worker_threads";
import type { Clock, Timer } from "../base/clock.ts";
import { MusterError } from "../base/errors.ts";
import { encodeError } from "../wire/errors.ts";
import {
  packReports,
  ReportKind,
  type ReportKindNumber,
  readReportBatch,
  readTaskBatch,
} from "../wire/protocol.ts";
import { SLOTS, Slots } from "./slots.ts";
import type { FromThread, ThreadData, ToThread } from "./thread-messages.ts";
import { print } from "./thread-output.ts";

/** What a lane tells whoever holds it. */
export interface LaneSink {
  /** The body of a reports frame. */
  reports(body: Uint8Array): void;
  /** Attempts that run, as `[id, attempt]` pairs. */
  started(ids: readonly number[]): void;
  /** Attempts that never started and never will here, as `[id, attempt]` pairs. */
  returned(lane: number, ids: readonly number[]): void;
  message(lane: Lane, message: LaneMessage): void;
  /** Threads end before they can run anything. */
  broken(reason: string): void;
}

/** What a lane does not handle itself. */
export type LaneMessage = Exclude<FromThread, { type: "ready" | "reports" | "flushed" | "print" }>;

export interface LaneOptions {
  readonly index: number;
  readonly file: string;
  readonly clock: Clock;
  readonly sink: LaneSink;
  /** What the next thread starts with. */
  readonly data: () => Omit<ThreadData, "slots" | "lane">;
  /** Megabytes of heap that a thread may use. */
  readonly heapLimitMb: number | undefined;
  /** Milliseconds an attempt of this function may run. */
  readonly timeoutMs: (functionIndex: number) => number | undefined;
  /** Milliseconds that an attempt which timed out has to clean up, before its thread is ended. */
  readonly timeoutGraceMs: number;
}

/** One attempt in a lane. */
interface Held {
  readonly id: number;
  readonly attempt: number;
  readonly fn: number;
  readonly slot: number;
  /** When it was first seen running. */
  startedAt: number | undefined;
  ending: Ending | undefined;
}

/** How an attempt is being ended, and what ends its thread if it does not end by itself. */
interface Ending {
  readonly kind: ReportKindNumber;
  readonly threadEndsAt: number;
  readonly timer: Timer;
}

/** Why a thread ended, as far as it said. */
interface ThreadEnd {
  readonly reason: string;
  readonly outOfMemory: boolean;
  readonly deliberate?: boolean;
}

/** How often a lane looks which of its tasks have started, in milliseconds. */
const WATCH_MS = 20;
/** So many threads in a row that end before they could start a task: it will not get better. */
const MAX_BOOT_FAILURES = 3;
const NEIGHBOUR_ENDED: ThreadEnd = {
  deliberate: true,
  outOfMemory: false,
  reason: "another task of its thread was cancelled or timed out and did not end by itself",
};

/**
 * A task thread, seen from the worker's main thread: it holds what was sent there, can take back what has not
 * started, and puts a new thread in the place of one that ended.
 */
export class Lane {
  readonly index: number;
  readonly #options: LaneOptions;
  /** What is here and has not been heard to end, oldest first. */
  readonly #held = new Map<number, Held>();
  #thread: Worker;
  #slots = new Slots();
  #freeSlots: number[] = [];
  /** Of tasks that were taken back, until the thread has passed over them. */
  #recalledSlots: number[] = [];
  #nextSlot = 0;
  #watch: Timer | undefined;
  #end: ThreadEnd | undefined;
  #isReady = false;
  #hasReported = false;
  /** Threads in a row that ended without having started a task. */
  #bootFailures = 0;
  #flushed: PromiseWithResolvers<void> | undefined;
  #closed = false;

  constructor(options: LaneOptions) {
    this.index = options.index;
    this.#options = options;
    this.#thread = this.#startThread();
  }

  get isIdle(): boolean {
    return this.#held.size === 0;
  }

  post(message: ToThread): void {
    this.#thread.postMessage(message);
  }

  /** @param body of a tasks frame, in a buffer of its own: it moves to the thread */
  run(body: Uint8Array<ArrayBuffer>): void {
    const { ids, attempts, functions } = readTaskBatch(body);
    const slots = new Uint32Array(ids.length);
    for (let row = 0; row < ids.length; row++) {
      const slot = this.#takeSlot();
      const held = { id: ids[row]!, attempt: attempts[row]!, fn: functions[row]!, slot };
      this.#held.set(held.id, { ...held, startedAt: undefined, ending: undefined });
      this.#slots.queue(slot);
      slots[row] = slot;
    }
    const message: ToThread = { type: "tasks", body: body.buffer, slots };
    this.#thread.postMessage(message, [body.buffer, slots.buffer]);
    this.#watch ??= this.#options.clock.after(WATCH_MS, () => this.#look());
  }

  /** `false` when the attempt is not here (any more). */
  cancel(id: number, attempt: number, graceMs: number): boolean {
    const held = this.#held.get(id);
    if (held?.attempt !== attempt) return false;
    if (this.#recall(held)) this.#report(held, ReportKind.cancelled, undefined);
    else this.#endAttempt(held, ReportKind.cancelled, graceMs);
    return true;
  }

  /** Takes back up to `count` attempts that have not started, the last ones first. */
  recall(count: number): void {
    const ids: number[] = [];
    for (const held of [...this.#held.values()].reverse()) {
      if (ids.length >= count * 2) break;
      if (this.#recall(held)) ids.push(held.id, held.attempt);
    }
    if (ids.length > 0) this.#options.sink.returned(this.index, ids);
  }

  /** Resolves when what its tasks printed has arrived. A thread that is busy is not waited for. */
  flush(): Promise<void> {
    if (!this.isIdle || !this.#isReady) return Promise.resolve();
    this.#flushed ??= Promise.withResolvers<void>();
    this.post({ type: "flush" });
    return this.#flushed.promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch?.cancel();
    for (const { ending } of this.#held.values()) ending?.timer.cancel();
    await this.#thread.terminate();
  }

  #startThread(): Worker {
    const { file, data, heapLimitMb } = this.#options;
    this.#isReady = false;
    this.#hasReported = false;
    this.#end = undefined;
    const thread = new Worker(file, {
      workerData: { ...data(), slots: this.#slots.buffer, lane: this.index } satisfies ThreadData,
      resourceLimits: heapLimitMb === undefined ? {} : { maxOldGenerationSizeMb: heapLimitMb },
    });
    thread.on("message", (message: FromThread) => this.#receive(message));
    thread.on("error", (error: Error & { code?: string }) => {
      const outOfMemory = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      const limit = heapLimitMb === undefined ? "Node's default" : `${heapLimitMb} MiB`;
      const reason = outOfMemory
        ? `its thread ran out of memory (the heap limit is ${limit})`
        : `an error outside of any task's promise ended its thread: ${error.stack ?? String(error)}`;
      this.#end = { outOfMemory, reason };
    });
    thread.on("exit", (code) => {
      if (this.#closed || thread !== this.#thread) return;
      const end = this.#end ?? { outOfMemory: false, reason: `its thread ended by process.exit(${code})` };
      this.#replaceThread(end);
    });
    return thread;
  }

  #receive(message: FromThread): void {
    if (message.type === "ready") this.#isReady = true;
    else if (message.type === "flushed") this.#settleFlush();
    else if (message.type === "print") print(message.stream, message.bytes);
    else if (message.type === "reports") {
      const body = new Uint8Array(message.body);
      this.#hasReported = true;
      this.#heardEnds(body);
      this.#options.sink.reports(body);
    } else {
      this.#options.sink.message(this, message);
    }
  }

  /** Lets go of what ended. What ended because it was told to is reported as that, whatever it said at its end. */
  #heardEnds(body: Uint8Array): void {
    const { ids, attempts, kinds } = readReportBatch(body);
    for (let row = 0; row < ids.length; row++) {
      const held = this.#held.get(ids[row]!);
      if (held === undefined || held.attempt !== attempts[row]) continue;
      this.#held.delete(held.id);
      this.#freeSlots.push(held.slot);
      if (held.ending === undefined) continue;
      held.ending.timer.cancel();
      kinds[row] = held.ending.kind;
    }
  }

  #takeSlot(): number {
    const free = this.#freeSlots.pop();
    if (free !== undefined) return free;
    if (this.#nextSlot < SLOTS) return this.#nextSlot++;
    this.#freeSlots = this.#recalledSlots.filter((slot) => this.#slots.isFree(slot));
    this.#recalledSlots = this.#recalledSlots.filter((slot) => !this.#slots.isFree(slot));
    const passed = this.#freeSlots.pop();
    if (passed === undefined)
      throw new MusterError("PROTOCOL", `More than ${SLOTS} tasks were sent to one thread.`);
    return passed;
  }

  /** `true` when the attempt had not started, and now never will. */
  #recall(held: Held): boolean {
    if (!this.#slots.recall(held.slot)) return false;
    this.#held.delete(held.id);
    this.#recalledSlots.push(held.slot);
    return true;
  }

  /** Tells the attempt to end, and ends its thread when it does not; asked again, it may be given less time. */
  #endAttempt(held: Held, kind: ReportKindNumber, graceMs: number): void {
    const { clock } = this.#options;
    const asked = held.ending;
    const threadEndsAt = Math.min(clock.now() + graceMs, asked?.threadEndsAt ?? Number.POSITIVE_INFINITY);
    if (asked?.threadEndsAt === threadEndsAt) return;
    asked?.timer.cancel();
    const timer = clock.after(threadEndsAt - clock.now(), () => void this.#thread.terminate());
    held.ending = { kind: asked?.kind ?? kind, threadEndsAt, timer };
    if (asked !== undefined) return;
    this.post({
      type: "abort",
      slot: held.slot,
      reason: kind === ReportKind.timeout ? "timeout" : "cancelled",
    });
  }

  /** Tells which attempts run, and ends those that run too long. Looks again while there is something here. */
  #look(): void {
    const { clock, sink, timeoutMs, timeoutGraceMs } = this.#options;
    const now = clock.now();
    const started: number[] = [];
    for (const held of this.#held.values()) {
      // Tasks start in order: behind one that has not, none has.
      if (!this.#slots.isStarted(held.slot)) break;
      if (held.startedAt === undefined) {
        held.startedAt = now;
        started.push(held.id, held.attempt);
        continue;
      }
      const limitMs = timeoutMs(held.fn);
      if (limitMs !== undefined && now - held.startedAt >= limitMs) {
        this.#endAttempt(held, ReportKind.timeout, timeoutGraceMs);
      }
    }
    if (started.length > 0) sink.started(started);
    this.#watch = this.isIdle ? undefined : clock.after(WATCH_MS, () => this.#look());
  }

  /** The thread is gone: what had started is lost, what had not goes back, and a new thread begins. */
  #replaceThread(end: ThreadEnd): void {
    const held = [...this.#held.values()];
    const started = held.filter(({ slot }) => this.#slots.isStarted(slot));
    const waiting = held.filter(({ slot }) => !this.#slots.isStarted(slot));
    this.#held.clear();
    this.#settleFlush();
    const wasEnded = started.some(({ ending }) => ending !== undefined);
    for (const attempt of started) {
      attempt.ending?.timer.cancel();
      if (attempt.ending !== undefined) this.#report(attempt, attempt.ending.kind, undefined);
      else this.#report(attempt, ReportKind.lost, wasEnded ? NEIGHBOUR_ENDED : end);
    }
    if (started.length > 0 || this.#hasReported) this.#bootFailures = 0;
    else this.#bootFailures++;
    if (this.#bootFailures > MAX_BOOT_FAILURES) this.#giveUp(waiting, end);
    else if (waiting.length > 0)
      this.#options.sink.returned(
        this.index,
        waiting.flatMap(({ id, attempt }) => [id, attempt]),
      );
    this.#slots = new Slots();
    this.#freeSlots = [];
    this.#recalledSlots = [];
    this.#nextSlot = 0;
    this.#thread = this.#startThread();
  }

  /** The thread ends before any task: because it cannot start at all, or by what importing the flow's code does. */
  #giveUp(waiting: readonly Held[], end: ThreadEnd): void {
    if (!this.#isReady) {
      this.#options.sink.broken(`task threads end before they are ready: ${end.reason}`);
      return;
    }
    const message = `Importing the flow's code on a worker ended its thread, ${this.#bootFailures} times in a row: ${end.reason}.`;
    const error = encodeError(new MusterError("CODE", message));
    for (const attempt of waiting) this.#report(attempt, ReportKind.failure, error);
  }

  #settleFlush(): void {
    this.#flushed?.resolve();
    this.#flushed = undefined;
  }

  #report(held: Held, kind: ReportKindNumber, outcome: unknown): void {
    const ranMs = held.startedAt === undefined ? 0 : this.#options.clock.now() - held.startedAt;
    const table = {
      lane: this.index,
      ids: Uint32Array.of(held.id),
      attempts: Uint32Array.of(held.attempt),
      kinds: Uint32Array.of(kind),
      durationsUs: Uint32Array.of(Math.min(ranMs * 1000, 0xffffffff)),
    };
    this.#options.sink.reports(packReports(table, [outcome]));
  }
}
