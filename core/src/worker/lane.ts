import { Worker } from "node:worker_threads";
import type { Clock, Timer } from "../base/clock.ts";
import { Deque } from "../base/deque.ts";
import {
  packReports,
  ReportKind,
  type ReportKindNumber,
  readReportBatch,
  readTaskBatch,
} from "../wire/protocol.ts";
import { SlotRing } from "./slot-ring.ts";
import type { FromThread, ThreadData, ToThread } from "./thread-messages.ts";

/** What a lane tells whoever holds it. */
export interface LaneSink {
  ready(lane: Lane): void;
  /** The body of a reports frame. */
  reports(body: Uint8Array): void;
  /** Attempts that run, as `[id, attempt]` pairs. */
  started(ids: readonly number[]): void;
  /** Attempts that never started and never will here, as `[id, attempt]` pairs. */
  returned(lane: number, ids: readonly number[]): void;
  message(lane: Lane, message: Exclude<FromThread, { type: "ready" | "reports" }>): void;
  /** Threads end before they can run anything. */
  broken(reason: string): void;
}

export interface LaneOptions {
  readonly index: number;
  readonly file: string;
  readonly clock: Clock;
  readonly sink: LaneSink;
  /** What the next thread starts with. */
  readonly data: () => Omit<ThreadData, "ring" | "lane">;
  /** Megabytes of heap that a thread may use. */
  readonly heapLimitMb: number | undefined;
  /** Milliseconds an attempt of this function may run. */
  readonly timeoutMs: (functionIndex: number) => number | undefined;
  /** Milliseconds that an attempt which timed out has to clean up, before its thread is ended. */
  readonly timeoutGraceMs: number;
}

interface LaneBatch {
  readonly ids: Uint32Array;
  readonly attempts: Uint32Array;
  readonly functions: Uint32Array;
  readonly firstSequence: number;
  /** All before it are over. */
  head: number;
}

/** One attempt in a lane. */
interface Place {
  readonly id: number;
  readonly attempt: number;
  readonly fn: number;
  readonly sequence: number;
}

/** An attempt that is being ended: how, and what ends its thread if it does not end by itself. */
interface Ending {
  readonly place: Place;
  readonly kind: ReportKindNumber;
  readonly threadEndsAt: number;
  readonly timer: Timer;
}

/** Why a thread ended, as far as it said. */
interface ThreadEnd {
  reason: string;
  outOfMemory: boolean;
}

/** How often a lane looks which of its tasks have started, in milliseconds. */
const WATCH_MS = 20;
/** So many threads in a row that end before they are ready: it will not get better. */
const MAX_BOOT_FAILURES = 3;
const NEIGHBOUR_ENDED: ThreadEnd = {
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
  readonly #batches = new Deque<LaneBatch>();
  readonly #endings = new Map<number, Ending>();
  /** When an attempt was first seen running, by sequence number. */
  readonly #startedAt = new Map<number, number>();
  #thread: Worker;
  #ring = new SlotRing();
  #nextSequence = 0;
  #watch: Timer | undefined;
  #end: ThreadEnd | undefined;
  #isReady = false;
  #bootFailures = 0;
  #closed = false;

  constructor(options: LaneOptions) {
    this.index = options.index;
    this.#options = options;
    this.#thread = this.#startThread();
  }

  get isIdle(): boolean {
    this.#dropFinished();
    return this.#batches.size === 0;
  }

  post(message: ToThread): void {
    this.#thread.postMessage(message);
  }

  /** @param body of a tasks frame, in a buffer of its own: it moves to the thread */
  run(body: Uint8Array<ArrayBuffer>): void {
    const table = readTaskBatch(body);
    // The table's memory leaves with the body.
    const batch: LaneBatch = {
      ids: table.ids.slice(),
      attempts: table.attempts.slice(),
      functions: table.functions.slice(),
      firstSequence: this.#nextSequence,
      head: 0,
    };
    this.#nextSequence += batch.ids.length;
    for (let offset = 0; offset < batch.ids.length; offset++) this.#ring.queue(batch.firstSequence + offset);
    this.#batches.push(batch);
    this.#thread.postMessage(
      { type: "tasks", body: body.buffer, firstSequence: batch.firstSequence } satisfies ToThread,
      [body.buffer],
    );
    this.#watch ??= this.#options.clock.after(WATCH_MS, () => this.#look());
  }

  /** `false` when the attempt is not here (any more). */
  cancel(id: number, attempt: number, graceMs: number): boolean {
    for (const place of this.#places()) {
      if (place.id !== id || place.attempt !== attempt) continue;
      if (this.#ring.recall(place.sequence)) this.#report(place, ReportKind.cancelled, undefined);
      else this.#endAttempt(place, ReportKind.cancelled, graceMs);
      return true;
    }
    return false;
  }

  /** Takes back up to `count` attempts that have not started, the last ones first. */
  recall(count: number): void {
    const places = [...this.#places()];
    const ids: number[] = [];
    for (let index = places.length - 1; index >= 0 && ids.length < count * 2; index--) {
      const place = places[index]!;
      if (this.#ring.recall(place.sequence)) ids.push(place.id, place.attempt);
    }
    if (ids.length > 0) this.#options.sink.returned(this.index, ids);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watch?.cancel();
    for (const ending of this.#endings.values()) ending.timer.cancel();
    await this.#thread.terminate();
  }

  #startThread(): Worker {
    const { file, data, heapLimitMb, sink } = this.#options;
    this.#isReady = false;
    this.#end = undefined;
    const thread = new Worker(file, {
      workerData: { ...data(), ring: this.#ring.buffer, lane: this.index } satisfies ThreadData,
      resourceLimits: heapLimitMb === undefined ? {} : { maxOldGenerationSizeMb: heapLimitMb },
    });
    thread.on("message", (message: FromThread) => this.#receive(message));
    thread.on("error", (error: Error & { code?: string }) => {
      const outOfMemory = error.code === "ERR_WORKER_OUT_OF_MEMORY";
      this.#end = {
        outOfMemory,
        reason: outOfMemory
          ? `its thread ran out of memory (the heap limit is ${heapLimitMb ?? "Node's default"}${heapLimitMb ? " MiB" : ""})`
          : `an error outside of any task's promise ended its thread: ${error.stack ?? String(error)}`,
      };
    });
    thread.on("exit", (code) => {
      if (this.#closed || thread !== this.#thread) return;
      this.#replaceThread(
        this.#end ?? { outOfMemory: false, reason: `its thread ended by process.exit(${code})` },
      );
    });
    if (this.#bootFailures > MAX_BOOT_FAILURES) sink.broken("task threads end before they are ready");
    return thread;
  }

  #receive(message: FromThread): void {
    if (message.type === "ready") {
      this.#isReady = true;
      this.#bootFailures = 0;
      this.#options.sink.ready(this);
    } else if (message.type === "reports") {
      this.#options.sink.reports(this.#withEndings(new Uint8Array(message.body)));
    } else {
      this.#options.sink.message(this, message);
    }
  }

  /** What ended because it was told to is reported as that, whatever it said at its end. */
  #withEndings(body: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (this.#endings.size === 0) return body;
    const { ids, attempts, kinds } = readReportBatch(body);
    for (const { place, kind, timer } of [...this.#endings.values()]) {
      const row = ids.findIndex((id, index) => id === place.id && attempts[index] === place.attempt);
      if (row < 0) continue;
      kinds[row] = kind;
      timer.cancel();
      this.#endings.delete(place.sequence);
    }
    return body;
  }

  /** Tells the attempt to end, and ends its thread when it does not; asked again, it may be given less time. */
  #endAttempt(place: Place, kind: ReportKindNumber, graceMs: number): void {
    const { clock } = this.#options;
    const asked = this.#endings.get(place.sequence);
    const threadEndsAt = Math.min(clock.now() + graceMs, asked?.threadEndsAt ?? Number.POSITIVE_INFINITY);
    if (asked?.threadEndsAt === threadEndsAt) return;
    asked?.timer.cancel();
    const timer = clock.after(threadEndsAt - clock.now(), () => void this.#thread.terminate());
    this.#endings.set(place.sequence, { place, kind: asked?.kind ?? kind, threadEndsAt, timer });
    if (asked !== undefined) return;
    const reason = kind === ReportKind.timeout ? "timeout" : "cancelled";
    this.post({ type: "abort", sequence: place.sequence, reason });
  }

  /** What is here and not over, oldest first. */
  *#places(): Generator<Place> {
    for (const batch of this.#batches) {
      for (let offset = batch.head; offset < batch.ids.length; offset++) {
        const sequence = batch.firstSequence + offset;
        if (this.#ring.isOver(sequence)) continue;
        yield {
          id: batch.ids[offset]!,
          attempt: batch.attempts[offset]!,
          fn: batch.functions[offset]!,
          sequence,
        };
      }
    }
  }

  #dropFinished(): void {
    for (let batch = this.#batches.peek(); batch !== undefined; batch = this.#batches.peek()) {
      while (batch.head < batch.ids.length && this.#ring.isOver(batch.firstSequence + batch.head)) {
        this.#startedAt.delete(batch.firstSequence + batch.head);
        batch.head++;
      }
      if (batch.head < batch.ids.length) return;
      this.#batches.shift();
    }
  }

  /** Tells which attempts run, and ends those that run too long. Looks again while there is something here. */
  #look(): void {
    const { clock, sink, timeoutMs, timeoutGraceMs } = this.#options;
    const now = clock.now();
    this.#dropFinished();
    const started: number[] = [];
    for (const place of this.#places()) {
      // Tasks start in order: behind one that has not, none has.
      if (!this.#ring.isStarted(place.sequence)) break;
      const startedAt = this.#startedAt.get(place.sequence);
      if (startedAt === undefined) {
        this.#startedAt.set(place.sequence, now);
        started.push(place.id, place.attempt);
        continue;
      }
      const limitMs = timeoutMs(place.fn);
      if (limitMs !== undefined && now - startedAt >= limitMs) {
        this.#endAttempt(place, ReportKind.timeout, timeoutGraceMs);
      }
    }
    if (started.length > 0) sink.started(started);
    this.#watch = this.#batches.size === 0 ? undefined : clock.after(WATCH_MS, () => this.#look());
  }

  /** The thread is gone: what had started is lost, what had not goes back, and a new thread begins. */
  #replaceThread(end: ThreadEnd): void {
    if (!this.#isReady) this.#bootFailures++;
    const returned: number[] = [];
    for (const place of this.#places()) {
      const ending = this.#endings.get(place.sequence);
      if (ending !== undefined) this.#report(place, ending.kind, undefined);
      else if (this.#ring.recall(place.sequence)) returned.push(place.id, place.attempt);
      else this.#report(place, ReportKind.lost, this.#endings.size > 0 ? NEIGHBOUR_ENDED : end);
    }
    for (const ending of this.#endings.values()) ending.timer.cancel();
    this.#endings.clear();
    this.#startedAt.clear();
    this.#batches.clear();
    this.#ring = new SlotRing();
    this.#nextSequence = 0;
    this.#thread = this.#startThread();
    if (returned.length > 0) this.#options.sink.returned(this.index, returned);
  }

  #report(place: Place, kind: ReportKindNumber, outcome: unknown): void {
    const table = {
      lane: this.index,
      ids: Uint32Array.of(place.id),
      attempts: Uint32Array.of(place.attempt),
      kinds: Uint32Array.of(kind),
      durationsUs: Uint32Array.of(this.#ranUs(place.sequence)),
    };
    this.#options.sink.reports(packReports(table, [outcome]));
  }

  #ranUs(sequence: number): number {
    const startedAt = this.#startedAt.get(sequence);
    return startedAt === undefined ? 0 : Math.min((this.#options.clock.now() - startedAt) * 1000, 0xffffffff);
  }
}
