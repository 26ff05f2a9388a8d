import { MessageChannel } from "node:worker_threads";
import { atExit } from "../base/at-exit.ts";
import { endDescendants, endDescendantsFirst, hasChildren, type Mark } from "../base/descendants.ts";
import { exitPastThreads } from "../base/exit-past-threads.ts";
import type { EngineListener } from "../contracts/engine.ts";
import type { ThreadLink } from "../thread/thread-messages.ts";
import { PortLink } from "../wire/frame-link.ts";
import { unpackMessage } from "../wire/message.ts";
import { FrameType, type LogMessage, type RunMessage, readBegins } from "../wire/protocol.ts";
import { Lanes } from "../worker/lanes.ts";
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

const STUCK =
  "A task is in a call of native code that does not return, and its thread cannot be ended while this process lives. A pool of processes can end such a task.";

/** Runs tasks in threads of this process: what a worker does, without a process and a connection in between. */
export class ThreadPoolEngine extends WireEngine {
  protected readonly isOnThisMachine = true;
  readonly #options: ThreadPoolOptions;
  readonly #links = new Map<number, PortLink>();
  #lanes: Lanes | undefined;
  #listener: EngineListener | undefined;
  #forgetExit: (() => void) | undefined;
  #forgetThreads: (() => void) | undefined;
  /** A thread of it cannot be ended. */
  #isStuck = false;

  constructor(options: ThreadPoolOptions) {
    super(options);
    this.#options = options;
  }

  protected override async open(listener: EngineListener): Promise<void> {
    const { run, threads, tasksPerThread, cancelGraceMs } = this.#options;
    this.#listener = listener;
    const lanes = new Lanes({
      workerId: WORKER,
      mark: this.#mark,
      ownsProcess: false,
      threads,
      tasksPerThread,
      cancelGraceMs,
      link: (lane) => this.#link(lane),
      sink: {
        started: (ids) => this.dispatcher.started(WORKER, ids),
        // It answers at once, in the middle of a call of who cancels.
        returned: (message) => queueMicrotask(() => this.dispatcher.returned(WORKER, message)),
        reports: (lane, body) => this.dispatcher.reported(WORKER, lane, body),
        ended: (message) => {
          this.#links.get(message.lane)?.end();
          this.#links.delete(message.lane);
          this.dispatcher.laneEnded(WORKER, message);
        },
        broken: (reason) => listener.failed(new Error(`The pool's ${reason}.`)),
        stuck: () => this.#stuck(),
        // Blobs are files that the threads see as well.
        fetchBlob: () => Promise.resolve(),
        storeBlob: () => Promise.resolve(),
      },
    });
    this.#lanes = lanes;
    this.#forgetExit = atExit(this.#endPrograms);
    this.#forgetThreads = exitPastThreads(() => this.#isStuck || lanes.isBusy);
    this.dispatcher.addWorker({ id: WORKER, tasksPerLane: tasksPerThread, resources: {} }, this.#port(lanes));
    lanes.startRun(run, { directory: this.blobs.directory, tag: this.blobs.tag, isShared: true });
  }

  protected override async end(): Promise<void> {
    for (const link of this.#links.values()) link.end();
    if (hasChildren()) await endDescendantsFirst({ mark: this.#mark });
    const haveEnded = (await this.#lanes?.close()) ?? true;
    this.#endPrograms();
    this.#forgetExit?.();
    if (!haveEnded) this.#stuck();
    if (!this.#isStuck) this.#forgetThreads?.();
  }

  /** What tasks started and left. */
  readonly #endPrograms = (): void => {
    if (hasChildren()) endDescendants({ mark: this.#mark });
  };

  get #mark(): Mark {
    return { MUSTER_RUN_ID: this.#options.run.flowRunId, MUSTER_WORKER_ID: WORKER };
  }

  #stuck(): void {
    this.#isStuck = true;
    this.#listener?.log({ type: "log", at: this.clock.wallTime(), level: "warn", message: STUCK });
  }

  /** The other end of it is the thread's. */
  #link(lane: number): ThreadLink {
    const { port1, port2 } = new MessageChannel();
    const link = new PortLink(port1, (type, body) => {
      if (type === FrameType.reports) this.dispatcher.reported(WORKER, lane, body);
      else if (type === FrameType.begins) this.dispatcher.begins(WORKER, lane, readBegins(body));
      else if (type === FrameType.log)
        for (const event of unpackMessage<LogMessage>(body).events) this.#listener?.log(event);
    });
    this.#links.set(lane, link);
    this.dispatcher.addLane(WORKER, lane);
    return { kind: "port", port: port2 };
  }

  #port(lanes: Lanes): WorkerPort {
    const messages = new FunctionMessages();
    return {
      define(fn) {
        const { code, define } = messages.for(fn);
        if (code !== undefined) lanes.addCode(code);
        lanes.define(define);
      },
      tasks: (lane, parts) => this.#links.get(lane)?.send(FrameType.tasks, ...parts),
      cancel: (message) => lanes.cancel(message),
      recall: (message) => lanes.recall(message),
      rested() {},
    };
  }
}
