import { systemClock } from "../base/clock.ts";
import type { Mark } from "../base/descendants.ts";
import { MusterError, toError } from "../base/errors.ts";
import { writeArtifact } from "../code/artifact-store.ts";
import { workerFile } from "../contracts/worker-file.ts";
import type { BlobMessage, BlobPlace, ThreadCode, ThreadLink, ToThread } from "../thread/thread-messages.ts";
import { print } from "../thread/thread-output.ts";
import type {
  CancelMessage,
  CodeMessage,
  DefineMessage,
  RecallMessage,
  RunMessage,
} from "../wire/protocol.ts";
import { Lane, type LaneOptions, type LaneSink } from "./lane.ts";

/** What lanes need from the side that they are linked to. */
export interface LanesSink extends Omit<LaneSink, "blob"> {
  /** Brings a blob into the blob directory. */
  fetchBlob(id: string): Promise<void>;
  /** Makes sure that the engine has a blob that lies in the blob directory. */
  storeBlob(id: string): Promise<void>;
}

export interface LanesOptions {
  readonly workerId: string;
  /** What all that this worker's tasks start inherits. */
  readonly mark: Mark;
  /** Whether the process is there for nothing else, and ends when a thread cannot be ended; else the thread is left behind. */
  readonly ownsProcess: boolean;
  readonly threads: number;
  readonly tasksPerThread: number;
  /** Bytes of heap that a thread may use. */
  readonly memoryLimit?: number | undefined;
  /** Milliseconds that a task which takes too long has to clean up. */
  readonly cancelGraceMs: number;
  /** How the thread of this lane reaches the engine. */
  readonly link: (lane: number) => ThreadLink;
  /** Where what tasks print goes. @default this process's own output */
  readonly print?: LaneOptions["print"] | undefined;
  readonly sink: LanesSink;
}

/** The task threads of one worker: a lane each, all with the same code and the same run. */
export class Lanes {
  readonly #options: LanesOptions;
  readonly #lanes: readonly Lane[];
  /** Code and definitions, for threads that come later. */
  readonly #code: ToThread[] = [];
  readonly #timeouts: (number | undefined)[] = [];
  /** Code is on disk before what follows it is handed on: messages keep their order. */
  #written: Promise<void> = Promise.resolve();
  #run: { readonly run: RunMessage; readonly blobs: BlobPlace } | undefined;
  #threads = 0;

  constructor(options: LanesOptions) {
    this.#options = options;
    const { workerId, mark, ownsProcess, threads, tasksPerThread, memoryLimit, sink } = options;
    const lane = {
      workerId,
      mark,
      ownsProcess,
      concurrency: tasksPerThread,
      file: workerFile(),
      clock: systemClock,
      sink: { ...sink, blob: (from: Lane, message: BlobMessage) => this.#moveBlob(from, message) },
      nextNumber: () => ++this.#threads,
      run: (number: number) => this.#runMessage(number),
      code: () => this.#code,
      heapLimitMb: memoryLimit === undefined ? undefined : Math.floor(memoryLimit / 2 ** 20),
      timeoutMs: (fn: number) => this.#timeouts[fn],
      timeoutGraceMs: () => options.cancelGraceMs,
      print: options.print ?? print,
    };
    this.#lanes = Array.from({ length: threads }, () => new Lane(lane));
  }

  startRun(run: RunMessage, { directory, tag, isShared }: BlobPlace): void {
    this.#run = { run, blobs: { directory, tag, isShared } };
    for (const lane of this.#lanes) lane.startRun();
  }

  addCode(code: CodeMessage): void {
    if (code.kind === "inline") {
      this.#inOrder(() => this.#tell({ type: "code", code }));
      return;
    }
    const { id } = code;
    const written = writeArtifact(code);
    this.#inOrder(async () => {
      try {
        const onDisk: ThreadCode = { kind: "bundle", id, path: await written };
        this.#tell({ type: "code", code: onDisk });
      } catch (error) {
        this.#options.sink.broken(`the flow's code could not be written: ${String(error)}`);
      }
    });
  }

  define(define: DefineMessage): void {
    this.#timeouts[define.index] = define.timeoutMs;
    this.#inOrder(() => this.#tell({ type: "define", define }));
  }

  cancel(message: CancelMessage): void {
    this.#find(message.lane)?.cancel(message);
  }

  recall({ lane, end }: RecallMessage): void {
    this.#find(lane)?.recall(end);
  }

  /** Resolves when what runs has ended, and the engine knows. */
  async leave(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.leave()));
  }

  /** Whether anything runs. */
  get isBusy(): boolean {
    return this.#lanes.some((lane) => lane.isBusy);
  }

  /** The worker is about to end. */
  stop(): void {
    for (const lane of this.#lanes) lane.stop();
  }

  /** The process is about to be ended with all that runs: the engine is told. */
  giveUp(): void {
    for (const lane of this.#lanes) lane.giveUp();
  }

  /** Ends all threads, whatever they do. `false` when one cannot be ended. */
  async close(): Promise<boolean> {
    const ended = await Promise.all(this.#lanes.map((lane) => lane.close()));
    return ended.every(Boolean);
  }

  #find(number: number): Lane | undefined {
    return this.#lanes.find((lane) => lane.number === number);
  }

  #inOrder(action: () => void | Promise<void>): void {
    this.#written = this.#written.then(action);
  }

  #tell(message: ToThread): void {
    this.#code.push(message);
    for (const lane of this.#lanes) lane.tell(message);
  }

  #runMessage(lane: number) {
    if (this.#run === undefined) return undefined;
    const link = this.#options.link(lane);
    const message: ToThread = { type: "run", ...this.#run, link };
    return { message, transfer: link.kind === "dial" ? [] : [link.port] };
  }

  #moveBlob(lane: Lane, { type, id }: BlobMessage): void {
    const { sink } = this.#options;
    const done = type === "blobGet" ? sink.fetchBlob(id) : sink.storeBlob(id);
    done.then(
      () => lane.tell({ type: "blob", id, error: undefined }),
      (thrown: unknown) => {
        const { message } = toError(thrown);
        const code = thrown instanceof MusterError ? thrown.code : "INTERNAL";
        lane.tell({ type: "blob", id, error: { code, message } });
      },
    );
  }
}
