import type { RunMessage } from "../wire/protocol.ts";
import { Lanes } from "../worker/lanes.ts";
import type { EngineListener } from "./engine.ts";
import { FunctionMessages } from "./function-messages.ts";
import { WireEngine, type WireEngineOptions } from "./wire-engine.ts";
import type { WorkerPort } from "./worker-port.ts";

export interface ThreadPoolOptions extends WireEngineOptions {
  readonly run: RunMessage;
  readonly threads: number;
  readonly tasksPerThread: number;
  /** Milliseconds that a task which takes too long has to clean up. */
  readonly cancelGraceMs: number;
}

/** The one worker of this engine: the threads of this process. */
const WORKER = "threads";

/** Runs tasks in threads of this process: what a worker does, without a process and a connection in between. */
export class ThreadPoolEngine extends WireEngine {
  readonly #options: ThreadPoolOptions;
  #lanes: Lanes | undefined;

  constructor(options: ThreadPoolOptions) {
    super(options);
    this.#options = options;
  }

  protected override async open(listener: EngineListener): Promise<void> {
    const { run, threads, tasksPerThread, cancelGraceMs } = this.#options;
    const lanes = new Lanes({
      workerId: WORKER,
      threads,
      tasksPerThread,
      cancelGraceMs,
      sink: {
        reports: (body) => this.dispatcher.reported(WORKER, body),
        started: (ids) => this.dispatcher.started(WORKER, ids),
        returned: (_lane, ids) => this.dispatcher.returned(WORKER, ids),
        log: (event) => listener.log(event),
        broken: (reason) => listener.failed(new Error(`The pool's ${reason}.`)),
        // Blobs are files that the threads see as well.
        fetchBlob: () => Promise.resolve(),
        storeBlob: () => Promise.resolve(),
      },
    });
    this.#lanes = lanes;
    lanes.startRun(run, { directory: this.blobs.directory, isShared: true });
    const facts = { id: WORKER, lanes: threads, tasksPerLane: tasksPerThread, resources: {} };
    this.dispatcher.addWorker(facts, port(lanes));
  }

  protected override async end(): Promise<void> {
    await this.#lanes?.close();
  }
}

function port(lanes: Lanes): WorkerPort {
  const messages = new FunctionMessages();
  return {
    define(fn) {
      const { code, define } = messages.for(fn);
      if (code !== undefined) lanes.addCode(code);
      lanes.define(define);
    },
    tasks: (parts) => lanes.run(Buffer.concat(parts as Uint8Array[])),
    cancel: (id, attempt, graceMs) => lanes.cancel(id, attempt, graceMs),
    recall: (lane, count) => lanes.recall(lane, count),
  };
}
