import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { Deque } from "../base/deque.ts";
import { MusterError } from "../base/errors.ts";
import { contextStorage } from "../context/context.ts";
import { type RunScope, TaskScope } from "../context/task-scope.ts";
import { flatten, unflatten } from "../wire/blob-format.ts";
import { encodeError } from "../wire/errors.ts";
import { INLINE_LIMIT_BYTES } from "../wire/limits.ts";
import {
  type LargeDependencies,
  ReportKind,
  type ReportKindNumber,
  type RunMessage,
  readTaskBatch,
  type TaskBodies,
  unpackMessage,
  type WireValue,
} from "../wire/protocol.ts";
import { decodeValue, encodeValue, isInline } from "../wire/values.ts";
import { ReportBuffer } from "./report-buffer.ts";
import { type BlobSource, fetchDependencies, resolveArguments } from "./resolve-arguments.ts";
import { Slots } from "./slots.ts";
import { ThreadBlobs } from "./thread-blobs.ts";
import { type TaskCall, ThreadCodeLoader, type ThreadFunction } from "./thread-code.ts";
import type { FromThread, ThreadData, ToThread } from "./thread-messages.ts";
import { sendOutputTo } from "./thread-output.ts";
import { provideUserApi } from "./user-api.ts";

/** Tasks that came together. `next` is the first that has not been looked at. */
interface Batch {
  readonly ids: Uint32Array;
  readonly attempts: Uint32Array;
  readonly functions: Uint32Array;
  readonly bodies: TaskBodies;
  readonly slots: Uint32Array;
  next: number;
}

/** An attempt that has started. */
interface Attempt {
  readonly id: number;
  readonly attempt: number;
  readonly slot: number;
  readonly fn: ThreadFunction;
  readonly scope: TaskScope;
  readonly startedAt: number;
}

/** A task whose recent runs took longer than this is not made to wait, nor others for it, in milliseconds. */
const SHORT_TASK_MS = 0.5;

/**
 * A thread that runs user code, and nothing else does. Batches of tasks come in, batches of ends go out; a task that
 * needs no waiting runs without a turn of the event loop between it and the next.
 */
class TaskThread {
  readonly #port: MessagePort;
  readonly #concurrency: number;
  readonly #slots: Slots;
  readonly #code = new ThreadCodeLoader();
  readonly #blobs: ThreadBlobs;
  readonly #reports: ReportBuffer;
  readonly #batches = new Deque<Batch>();
  /** Attempts that wait for something, by slot. */
  readonly #waiting = new Map<number, Attempt>();
  readonly #warned = new Set<string>();
  readonly #workerId: string;
  #run: RunScope | undefined;
  #pumping = false;

  constructor(port: MessagePort, data: ThreadData) {
    this.#port = port;
    this.#concurrency = data.concurrency;
    this.#workerId = data.workerId;
    this.#slots = new Slots(data.slots);
    this.#reports = new ReportBuffer(data.lane);
    this.#blobs = new ThreadBlobs(port, data.blobPrefix, data.blobs);
    if (data.run !== undefined) this.#setRun(data.run);
    for (const code of data.codes) this.#code.add(code);
    for (const define of data.defines) this.#code.define(define);
  }

  receive(message: ToThread): void {
    switch (message.type) {
      case "tasks":
        this.#addBatch(new Uint8Array(message.body), message.slots);
        this.#pump();
        return;
      case "run":
        this.#setRun(message.run);
        this.#blobs.place = message.blobs;
        return;
      case "code":
        this.#code.add(message.code);
        return;
      case "define":
        this.#code.define(message.define);
        return;
      case "abort":
        this.#waiting
          .get(message.slot)
          ?.scope.abort(
            message.reason === "timeout"
              ? new MusterError("TASK_TIMEOUT", "The task took longer than its timeout.")
              : new MusterError("TASK_CANCELLED", "The task was cancelled."),
          );
        return;
      case "flush":
        this.#post({ type: "flushed" });
        return;
      case "blob":
        this.#blobs.settle(message.id, message.error);
        return;
    }
  }

  #setRun(run: RunMessage): void {
    this.#run = {
      flowRunId: run.flowRunId,
      flowName: run.flowName,
      image: run.image,
      logLevel: run.logLevel,
      workerId: this.#workerId,
      parameters: run.parameters === undefined ? undefined : decodeValue(unflatten(run.parameters)),
      emit: (event) => this.#post({ type: "log", event }),
    };
  }

  #addBatch(body: Uint8Array, slots: Uint32Array): void {
    const batch = readTaskBatch(body);
    const bodies = unpackMessage<TaskBodies>(body.subarray(batch.bodiesAt));
    const { ids, attempts, functions } = batch;
    this.#batches.push({ ids, attempts, functions, bodies, slots, next: 0 });
  }

  /** Starts tasks while there is room for one. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#waiting.size < this.#concurrency && this.#startNext()) {
      if (this.#reports.isDue(performance.now())) this.#flush();
    }
    this.#pumping = false;
    if (this.#batches.size === 0 || this.#waiting.size >= this.#concurrency) this.#flush();
  }

  /** `false` when there is nothing to start now. */
  #startNext(): boolean {
    const batch = this.#batches.peek();
    if (batch === undefined) return false;
    const index = batch.next;
    const fn = this.#code.get(batch.functions[index]!);
    if (fn.call === undefined && fn.error === undefined) {
      this.#flush();
      void fn.loaded.then(() => this.#pump());
      return false;
    }
    batch.next++;
    if (batch.next === batch.ids.length) this.#batches.shift();
    const slot = batch.slots[index]!;
    // What finished before must not be lost with a task that may end this thread.
    if (fn.averageMs > SHORT_TASK_MS) this.#flush();
    if (this.#slots.start(slot)) this.#start(fn, batch, index);
    return true;
  }

  #start(fn: ThreadFunction, batch: Batch, index: number): void {
    const id = batch.ids[index]!;
    const attemptNumber = batch.attempts[index]!;
    const attempt: Attempt = {
      id,
      attempt: attemptNumber,
      slot: batch.slots[index]!,
      fn,
      scope: new TaskScope(this.#run!, fn.name, id, attemptNumber),
      startedAt: performance.now(),
    };
    if (fn.error !== undefined) {
      this.#fail(attempt, fn.error);
      return;
    }
    let args: unknown[] | Promise<unknown[]>;
    try {
      args = this.#arguments(batch.bodies, index);
    } catch (error) {
      this.#fail(attempt, error);
      return;
    }
    if (args instanceof Promise)
      this.#wait(
        attempt,
        args.then((ready) => contextStorage.run(attempt.scope, fn.call!, ...ready)),
      );
    else this.#call(attempt, args);
  }

  #arguments(bodies: TaskBodies, index: number): unknown[] | Promise<unknown[]> {
    const [allArgs, allDependencies] = bodies;
    const args = allArgs[index]!;
    const dependencies = allDependencies?.[index];
    const blobs: BlobSource = (id) => this.#blobs.get(id);
    if (dependencies === undefined || Array.isArray(dependencies)) {
      return resolveArguments(
        { args, dependencies: dependencies as readonly WireValue[] | undefined },
        blobs,
      );
    }
    const { blob } = dependencies as LargeDependencies;
    return fetchDependencies(blob[1], blobs).then((all) =>
      resolveArguments({ args, dependencies: all }, blobs),
    );
  }

  #call(attempt: Attempt, args: unknown[]): void {
    let result: unknown;
    try {
      result = contextStorage.run(attempt.scope, invoke, attempt.fn.call!, args);
    } catch (error) {
      this.#fail(attempt, error);
      return;
    }
    if (isThenable(result)) this.#wait(attempt, result);
    else this.#succeed(attempt, result);
  }

  #wait(attempt: Attempt, result: PromiseLike<unknown>): void {
    this.#waiting.set(attempt.slot, attempt);
    result.then(
      (value) => this.#settled(attempt, () => this.#succeed(attempt, value)),
      (error: unknown) => this.#settled(attempt, () => this.#fail(attempt, error)),
    );
  }

  #settled(attempt: Attempt, report: () => void): void {
    this.#waiting.delete(attempt.slot);
    report();
    this.#pump();
  }

  #succeed(attempt: Attempt, value: unknown): void {
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
      this.#waiting.set(attempt.slot, attempt);
      blob.then(
        (stored) => this.#settled(attempt, () => this.#report(attempt, ReportKind.success, stored)),
        (error: unknown) => this.#settled(attempt, () => this.#fail(attempt, error)),
      );
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
    const { fn } = attempt;
    fn.averageMs =
      fn.averageMs === Number.POSITIVE_INFINITY ? tookMs : fn.averageMs + (tookMs - fn.averageMs) / 8;
    this.#reports.add(attempt, kind, outcome, { startedAt: attempt.startedAt, endedAt });
  }

  #flush(): void {
    if (this.#reports.isEmpty) return;
    const body = this.#reports.take();
    this.#port.postMessage({ type: "reports", body: body.buffer } satisfies FromThread, [body.buffer]);
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
  sendOutputTo(port);
  provideUserApi();
  const thread = new TaskThread(port, workerData as ThreadData);
  port.on("message", (message: ToThread) => thread.receive(message));
  port.postMessage({ type: "ready" } satisfies FromThread);
}
