import { systemClock } from "../base/clock.ts";
import { withDeadline } from "../base/wait.ts";
import { writeArtifact } from "../code/artifact-store.ts";
import type { LogEvent } from "../events/event.ts";
import { type CodeMessage, type DefineMessage, type RunMessage, readTaskBatch } from "../wire/protocol.ts";
import { Lane, type LaneMessage, type LaneSink } from "./lane.ts";
import type { BlobPlace, ThreadCode, ToThread } from "./thread-messages.ts";
import { workerFile } from "./worker-file.ts";

/** What lanes need from the side that they are linked to. */
export interface LanesSink extends Pick<LaneSink, "reports" | "started" | "returned" | "broken"> {
  log(event: LogEvent): void;
  /** Brings a blob into the blob directory. */
  fetchBlob(id: string): Promise<void>;
  /** Makes sure that the engine has a blob that lies in the blob directory. */
  storeBlob(id: string, byteLength: number): Promise<void>;
}

export interface LanesOptions {
  readonly workerId: string;
  readonly threads: number;
  readonly tasksPerThread: number;
  /** Bytes of heap that a thread may use. */
  readonly memoryLimit?: number | undefined;
  /** Milliseconds that a task which takes too long has to clean up. */
  readonly cancelGraceMs: number;
  readonly sink: LanesSink;
}

/** The task threads of one worker: a lane each, all with the same code and the same run. */
export class Lanes {
  readonly #options: LanesOptions;
  readonly #lanes: readonly Lane[];
  readonly #codes: ThreadCode[] = [];
  readonly #defines: DefineMessage[] = [];
  readonly #timeouts: (number | undefined)[] = [];
  /** Code is on disk before what follows it is handed on: messages keep their order. */
  #ready: Promise<void> | undefined;
  #run: RunMessage | undefined;
  #blobs: BlobPlace | undefined;
  #threads = 0;

  constructor(options: LanesOptions) {
    this.#options = options;
    const sink: LaneSink = {
      reports: (body) => options.sink.reports(body),
      started: (ids) => options.sink.started(ids),
      returned: (lane, ids) => options.sink.returned(lane, ids),
      broken: (reason) => options.sink.broken(reason),
      message: (lane, message) => this.#fromThread(lane, message),
    };
    this.#lanes = Array.from(
      { length: options.threads },
      (_, index) =>
        new Lane({
          index,
          file: workerFile(),
          clock: systemClock,
          sink,
          data: () => this.#threadData(),
          heapLimitMb:
            options.memoryLimit === undefined ? undefined : Math.floor(options.memoryLimit / 2 ** 20),
          timeoutMs: (fn) => this.#timeouts[fn],
          timeoutGraceMs: options.cancelGraceMs,
        }),
    );
  }

  get isIdle(): boolean {
    return this.#ready === undefined && this.#lanes.every((lane) => lane.isIdle);
  }

  startRun(run: RunMessage, blobs: BlobPlace): void {
    this.#run = run;
    const { directory, isShared } = blobs;
    this.#blobs = { directory, isShared };
    this.#broadcast({ type: "run", run, blobs: this.#blobs });
  }

  addCode(code: CodeMessage): void {
    if (code.kind === "inline") {
      this.#inOrder(() => this.#addThreadCode(code));
      return;
    }
    const written = writeArtifact(code);
    this.#ready ??= Promise.resolve();
    this.#inOrder(async () => {
      try {
        this.#addThreadCode({ kind: "bundle", id: code.id, path: await written });
      } catch (error) {
        this.#options.sink.broken(`the flow's code could not be written: ${String(error)}`);
      }
    });
  }

  define(define: DefineMessage): void {
    this.#inOrder(() => {
      this.#defines.push(define);
      this.#timeouts[define.index] = define.timeoutMs;
      this.#broadcast({ type: "define", define });
    });
  }

  /** @param body of a tasks frame; it is copied */
  run(body: Uint8Array): void {
    // The frame is a view of a socket's chunk; what moves to a thread must be a buffer of its own.
    const own = new Uint8Array(body);
    this.#inOrder(() => this.#lanes[readTaskBatch(own).lane]!.run(own));
  }

  cancel(id: number, attempt: number, graceMs: number): void {
    this.#inOrder(() => void this.#lanes.some((lane) => lane.cancel(id, attempt, graceMs)));
  }

  recall(lane: number, count: number): void {
    this.#inOrder(() => this.#lanes[lane]?.recall(count));
  }

  /** Resolves when what tasks printed has arrived, or after `timeoutMs`. */
  async flush(timeoutMs: number): Promise<void> {
    const flushed = Promise.all(this.#lanes.map((lane) => lane.flush()));
    await withDeadline(flushed, "The flush", { timeoutMs }).catch(() => undefined);
  }

  /** Ends all threads, whatever they do. */
  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  /** Now, or after the code that is being written. */
  #inOrder(action: () => void | Promise<void>): void {
    if (this.#ready === undefined) {
      void action();
      return;
    }
    const ready: Promise<void> = this.#ready.then(action).then(() => {
      if (this.#ready === ready) this.#ready = undefined;
    });
    this.#ready = ready;
  }

  #addThreadCode(code: ThreadCode): void {
    this.#codes.push(code);
    this.#broadcast({ type: "code", code });
  }

  #broadcast(message: ToThread): void {
    for (const lane of this.#lanes) lane.post(message);
  }

  #threadData() {
    const { workerId, tasksPerThread } = this.#options;
    return {
      workerId,
      concurrency: tasksPerThread,
      blobPrefix: `${workerId}-${++this.#threads}`,
      run: this.#run,
      blobs: this.#blobs,
      codes: this.#codes,
      defines: this.#defines,
    };
  }

  #fromThread(lane: Lane, message: LaneMessage): void {
    if (message.type === "log") {
      this.#options.sink.log(message.event);
      return;
    }
    const { id } = message;
    const { sink } = this.#options;
    const done = message.type === "blobGet" ? sink.fetchBlob(id) : sink.storeBlob(id, message.byteLength);
    done.then(
      () => lane.post({ type: "blob", id, error: undefined }),
      (error: unknown) => lane.post({ type: "blob", id, error: String(error) }),
    );
  }
}
