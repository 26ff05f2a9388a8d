import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { contextStorage } from "../context/context.ts";
import { type RunScope, TaskScope } from "../context/task-scope.ts";
import { PrintMarker } from "../contracts/print-mark.ts";
import {
  functionOf,
  Haste,
  type HasteNumber,
  hasteOf,
  ReportKind,
  type ReportKindNumber,
} from "../wire/batches.ts";
import { flatten, unflatten } from "../wire/blob-format.ts";
import { encodeError } from "../wire/errors.ts";
import type { FrameLink } from "../wire/frame-link.ts";
import { INLINE_LIMIT_BYTES } from "../wire/limits.ts";
import type { RunMessage } from "../wire/protocol.ts";
import { decodeValue, encodeValue, isInline } from "../wire/values.ts";
import { EndTeller } from "./end-teller.ts";
import { type AttemptEnd, ReportBuffer } from "./report-buffer.ts";
import { argumentsAt, type BlobSource } from "./resolve-arguments.ts";
import { TaskBoard } from "./task-board.ts";
import { type Batch, TaskQueue } from "./task-queue.ts";
import { ThreadBlobs } from "./thread-blobs.ts";
import { type TaskCall, ThreadCodeLoader, type ThreadFunction } from "./thread-code.ts";
import { openThreadLink } from "./thread-link.ts";
import type { FromThread, ThreadData, ThreadLink, ToThread } from "./thread-messages.ts";
import { PrintCount, sendOutputTo } from "./thread-output.ts";

/** An attempt that has begun. */
interface Attempt {
  readonly id: number;
  readonly attempt: number;
  /** On the board. */
  readonly place: number;
  readonly fn: ThreadFunction;
  readonly scope: TaskScope;
  readonly startedAt: number;
  /** Its function was called, and has not given its result yet. */
  isCalled: boolean;
  readonly haste: HasteNumber;
}

/** A task whose recent runs took longer than this is not made to wait, nor others for it, in milliseconds. */
const SHORT_TASK_MS = 1.5;

/**
 * A thread that runs user code, and nothing else does. Batches of tasks come in from the engine and batches of ends go
 * out to it, with no other thread in between; a task that needs no waiting runs without a turn of the event loop between
 * it and the next. What only another thread can do while this one is busy, the worker's main thread does, which sees on
 * the board what runs here.
 */
class TaskThread {
  readonly #port: MessagePort;
  readonly #data: ThreadData;
  readonly #board: TaskBoard;
  readonly #prints: PrintCount;
  readonly #freePlaces: number[];
  readonly #code = new ThreadCodeLoader();
  readonly #blobs: ThreadBlobs;
  readonly #blobSource: BlobSource = (id) => this.#blobs.get(id);
  readonly #queue = new TaskQueue();
  /** Of the task that ended last, in milliseconds. */
  #averageMs = 0;
  /** Attempts that wait for something, by place. */
  readonly #waiting = new Map<number, Attempt>();
  readonly #warned = new Set<string>();
  #link: FrameLink | undefined;
  #teller: EndTeller | undefined;
  #mayEndWithRun = false;
  #run: RunScope | undefined;
  #marksPrints = false;
  readonly #markers = { 1: new PrintMarker(), 2: new PrintMarker() };
  /** Of the next task that came, as the board counts. */
  #nextNumber = 0;
  #pumping = false;
  #leaving = false;
  #left: Promise<void> | undefined;

  constructor(port: MessagePort, data: ThreadData, prints: PrintCount) {
    this.#port = port;
    this.#prints = prints;
    this.#data = data;
    this.#board = new TaskBoard(data.board);
    this.#freePlaces = Array.from({ length: data.concurrency }, (_, index) => data.concurrency - 1 - index);
    this.#blobs = new ThreadBlobs(port, `${data.workerId}-${data.lane}`);
  }

  /** What is printed now, with the task that prints it; `undefined` where nobody reads marks. */
  readonly mark = (stream: 1 | 2, bytes: Buffer): string | undefined => {
    if (!this.#marksPrints) return undefined;
    const scope = contextStorage.getStore();
    return this.#markers[stream].mark(bytes, scope instanceof TaskScope ? scope.printOwner : undefined);
  };

  receive(message: ToThread): void {
    switch (message.type) {
      case "run":
        this.#setRun(message.run);
        this.#blobs.place = message.blobs;
        this.#open(message.link);
        return;
      case "code":
        this.#code.add(message.code);
        return;
      case "define":
        this.#code.define(message.define);
        return;
      case "abort":
        this.#abort(message.place);
        return;
      case "leave":
        this.#leaving = true;
        this.#queue.clear();
        this.#leaveWhenIdle();
        return;
      case "blob":
        this.#blobs.settle(message.id, message.error);
        return;
    }
  }

  #setRun(run: RunMessage): void {
    this.#marksPrints = run.marksPrints === true;
    this.#run = {
      flowRunId: run.flowRunId,
      flowName: run.flowName,
      image: run.image,
      logLevel: run.logLevel,
      workerId: this.#data.workerId,
      parameters: run.parameters === undefined ? undefined : decodeValue(unflatten(run.parameters)),
      emit: (event) => this.#teller?.log(event),
    };
  }

  #open(link: ThreadLink): void {
    const { workerId, lane } = this.#data;
    this.#mayEndWithRun = link.kind !== "port";
    this.#link = openThreadLink(link, {
      hello: { workerId, lane },
      opened: () => this.#post({ type: "ready" }),
      tasks: (body) => {
        this.#queue.add(body);
        this.#pump();
      },
      closed: (reason) => {
        if (!this.#leaving) this.#post({ type: "disconnected", reason });
      },
    });
    this.#teller = new EndTeller({
      link: this.#link,
      reports: new ReportBuffer(this.#data.reports),
      prints: this.#prints,
      mayEndWithRun: this.#mayEndWithRun,
      logsLeft: () => this.#pump(),
    });
  }

  #abort(place: number): void {
    const reason = this.#board.endingOf(place);
    const attempt = this.#waiting.get(place);
    // It may have ended meanwhile, and another one may be at its place.
    if (reason === undefined || attempt === undefined) return;
    attempt.scope.abort(reason);
    // While its arguments or its result are on their way there is nothing to clean up.
    if (!attempt.isCalled) this.#settled(attempt, () => this.#fail(attempt, attempt.scope.signal.reason));
  }

  #leaveWhenIdle(): void {
    if (this.#waiting.size > 0) return;
    this.#teller?.flush();
    this.#left ??= this.#link!.drained().then(() => {
      this.#link!.end();
      this.#post({ type: "left" });
    });
  }

  /** Starts tasks while there is room for one. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#freePlaces.length > 0 && this.#startNext()) {
      const nextMs = this.#averageMs;
      this.#teller!.flushIfDue({ nextMs, leftMs: this.#queue.size * nextMs });
    }
    this.#pumping = false;
    if (this.#queue.size === 0 || this.#freePlaces.length === 0) this.#teller?.flush();
    if (this.#leaving) this.#leaveWhenIdle();
  }

  /** `false` when there is nothing to start now. */
  #startNext(): boolean {
    const batch = this.#queue.front;
    if (batch === undefined) return false;
    const teller = this.#teller!;
    if (teller.isBehindLogs) {
      teller.flush();
      return false;
    }
    const index = batch.next;
    const fn = this.#code.get(functionOf(batch.functions[index]!));
    if (!fn.isLoaded) {
      teller.flush();
      void fn.loaded.then(() => this.#pump());
      return false;
    }
    if (fn.averageMs > SHORT_TASK_MS || fn.onlyOnce || batch.attempts[index]! > 1) {
      // What finished before must not wait for a task that may keep this thread for long, or be lost with one that ends it.
      if (this.#mayEndWithRun || fn.isNew)
        teller.begins({ id: batch.ids[index]!, attempt: batch.attempts[index]!, number: this.#nextNumber });
      teller.flush();
      const link = this.#link!;
      link.flush();
      if (!link.isClear) {
        void link.drained().then(() => this.#pump());
        return false;
      }
    } else if (teller.hasSaidToBegin(this.#nextNumber - 1)) {
      // One that is known to have begun would be taken for the cause of what ends this thread after it.
      teller.flush();
    }
    this.#queue.shift();
    this.#begin(fn, batch, index);
    return true;
  }

  #begin(fn: ThreadFunction, batch: Batch, index: number): void {
    const id = batch.ids[index]!;
    const attemptNumber = batch.attempts[index]!;
    const place = this.#freePlaces.pop()!;
    const startedAt = performance.now();
    const word = batch.functions[index]!;
    const begun = { id, attempt: attemptNumber, fn: functionOf(word), beganAt: startedAt };
    if (!this.#board.begin(this.#nextNumber++, place, begun)) {
      this.#freePlaces.push(place);
      return;
    }
    if (this.#board.watch()) this.#post({ type: "watch" });
    const scope = new TaskScope(this.#run!, fn.name, id, attemptNumber);
    const haste = hasteOf(word);
    const attempt = { id, attempt: attemptNumber, place, fn, scope, startedAt, haste, isCalled: false };
    if (fn.error !== undefined) {
      this.#fail(attempt, fn.error);
      return;
    }
    let args: unknown[] | Promise<unknown[]>;
    try {
      args = argumentsAt(batch.bodies, index, this.#blobSource);
    } catch (error) {
      this.#fail(attempt, error);
      return;
    }
    if (args instanceof Promise) this.#wait(attempt, args, (ready) => this.#call(attempt, ready));
    else this.#call(attempt, args);
  }

  #call(attempt: Attempt, args: unknown[]): void {
    let result: unknown;
    let isPending: boolean;
    attempt.isCalled = true;
    try {
      result = contextStorage.run(attempt.scope, invoke, attempt.fn.call!, args);
      // What looks like a promise is the user's own, and may throw as well: an async function's never does.
      isPending = isThenable(result);
    } catch (error) {
      this.#fail(attempt, error);
      return;
    }
    if (isPending) this.#wait(attempt, Promise.resolve(result), (value) => this.#succeed(attempt, value));
    else this.#succeed(attempt, result);
  }

  #wait<T>(attempt: Attempt, promise: Promise<T>, then: (value: T) => void): void {
    this.#waiting.set(attempt.place, attempt);
    promise.then(
      (value) => this.#settled(attempt, () => then(value)),
      (error: unknown) => this.#settled(attempt, () => this.#fail(attempt, error)),
    );
  }

  #settled(attempt: Attempt, goOn: () => void): void {
    // Else it was told to end, and has.
    if (this.#waiting.get(attempt.place) !== attempt) return;
    this.#waiting.delete(attempt.place);
    goOn();
    this.#pump();
  }

  #succeed(attempt: Attempt, value: unknown): void {
    attempt.isCalled = false;
    if (isInline(value)) {
      this.#report(attempt, ReportKind.success, value);
      return;
    }
    try {
      const encoded = encodeValue(value, {
        what: `the result of task "${attempt.fn.name}"`,
        onPrototypeLost: (path, name) => this.#warnPrototype(attempt, path, name),
      });
      if (encoded.byteLength <= INLINE_LIMIT_BYTES) {
        this.#report(attempt, ReportKind.success, flatten(encoded));
        return;
      }
      const blob = this.#blobs.put(encoded);
      if (!(blob instanceof Promise)) {
        this.#report(attempt, ReportKind.success, blob);
        return;
      }
      // It counts as running until the engine has its result: then the worker may die without loss.
      this.#wait(attempt, blob, (stored) => this.#report(attempt, ReportKind.success, stored));
    } catch (error) {
      this.#fail(attempt, error);
    }
  }

  #fail(attempt: Attempt, error: unknown): void {
    this.#report(attempt, ReportKind.failure, encodeError(error));
  }

  #report(attempt: Attempt, kind: ReportKindNumber, outcome: unknown): void {
    const endedAt = performance.now();
    const tookMs = endedAt - attempt.startedAt;
    const { fn, place } = attempt;
    const endReason = this.#board.end(place);
    this.#freePlaces.push(place);
    fn.averageMs = fn.isNew ? tookMs : fn.averageMs + (tookMs - fn.averageMs) / 8;
    this.#averageMs = fn.averageMs;
    // What ended because it was told to is reported as that, whatever it says at its end; and nobody may have come to it.
    const isLate = endReason === undefined && tookMs > fn.timeoutMs;
    const told = isLate ? ReportKind.timeout : endReason === undefined ? kind : ReportKind[endReason];
    const { id, attempt: number, startedAt } = attempt;
    // A large value is worth a message of its own: whoever reads it has much to do.
    const haste = Array.isArray(outcome) ? Haste.atOnce : attempt.haste;
    const end: AttemptEnd = { id, attempt: number, kind: told, outcome, startedAt, endedAt, haste };
    this.#teller!.ended(end);
  }

  /** Once a task: a class instance arrives as a plain object, and whoever wrote it may not expect that. */
  #warnPrototype(attempt: Attempt, path: string, constructorName: string): void {
    const key = `${attempt.fn.name} ${constructorName}`;
    if (this.#warned.has(key)) return;
    this.#warned.add(key);
    attempt.scope.logger.warn(
      `${path} is an instance of ${constructorName}: it arrives as a plain object with its own fields, without its prototype's methods.`,
    );
  }

  #post(message: FromThread): void {
    this.#port.postMessage(message);
  }
}

/** Lets `AsyncLocalStorage.run` pass one array on instead of spreading it twice. */
function invoke(call: TaskCall, args: unknown[]): unknown {
  return call(...args);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}

/** The entry of a task thread. */
export function runTaskThread(): void {
  const port = parentPort!;
  process.setSourceMapsEnabled(true);
  const data = workerData as ThreadData;
  const prints = new PrintCount(data.prints);
  const thread = new TaskThread(port, data, prints);
  sendOutputTo(port, prints, thread.mark);
  port.on("message", (message: ToThread) => thread.receive(message));
}
