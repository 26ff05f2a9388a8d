import { SimulatedClock } from "../base/clock.ts";
import type { WorkerDeath } from "../cluster/worker-link.ts";
import { packReports, ReportKind, type ReportKindNumber, readTaskBatch } from "../wire/protocol.ts";
import { BlobStore } from "./blob-store.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { EngineListener, EngineTask, TaskFunction, TaskReport, TaskStart } from "./engine.ts";
import type { Resources } from "./resource-queues.ts";
import { WireValues } from "./wire-values.ts";
import type { WorkerPort } from "./worker-port.ts";

export const DEATH: WorkerDeath = { reason: "killed by SIGKILL", lastLines: [] };

export function taskFunction(facts: Partial<TaskFunction> = {}): TaskFunction {
  return {
    index: 0,
    name: "work",
    local: () => undefined,
    site: undefined,
    code: undefined,
    expectedMs: undefined,
    resources: undefined,
    timeoutMs: undefined,
    ...facts,
  };
}

/** A task of a function that nobody has seen run, unless `facts` say otherwise. */
export function engineTask(id: number, facts: Partial<EngineTask> = {}): EngineTask {
  const plain = { attempt: 1, payload: [], dependencies: [], priority: 0, alone: false };
  return { id, fn: taskFunction(), ...plain, ...facts };
}

/** Tasks with these ids, all of the same function. */
export function engineTasks(ids: readonly number[], facts: Partial<EngineTask> = {}): EngineTask[] {
  const fn = taskFunction();
  return ids.map((id) => engineTask(id, { fn, ...facts }));
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** A worker that does what a test tells it to. */
export class SimulatedWorker implements WorkerPort {
  readonly id: string;
  /** Names of the functions that it knows. */
  readonly defined: string[] = [];
  /** Ids of the tasks at each lane, in the order in which they came. */
  readonly lanes: number[][];
  /** How many messages with tasks came. */
  messages = 0;
  readonly cancelled: number[][] = [];
  readonly #dispatcher: Dispatcher;
  readonly #attempts = new Map<number, number>();

  constructor(dispatcher: Dispatcher, id: string, lanes: number) {
    this.#dispatcher = dispatcher;
    this.id = id;
    this.lanes = Array.from({ length: lanes }, () => []);
  }

  define(fn: TaskFunction): void {
    this.defined.push(fn.name);
  }

  tasks(parts: readonly Uint8Array[]): void {
    this.messages++;
    const { lane, ids, attempts } = readTaskBatch(Buffer.concat(parts));
    for (const [row, id] of ids.entries()) {
      this.lanes[lane]!.push(id);
      this.#attempts.set(id, attempts[row]!);
    }
  }

  cancel(id: number, attempt: number, graceMs: number): void {
    this.cancelled.push([id, attempt, graceMs]);
  }

  /** As a lane does that runs the first one: it gives back the last ones. */
  recall(lane: number, count: number): void {
    const tasks = this.lanes[lane]!;
    const back = tasks.splice(Math.max(1, tasks.length - count));
    this.#dispatcher.returned(this.id, this.#pairs(back));
  }

  starts(...ids: number[]): void {
    this.#dispatcher.started(this.id, this.#pairs(ids));
  }

  /** Gives back all that it has. */
  returnsAll(): void {
    for (const tasks of this.lanes) this.#dispatcher.returned(this.id, this.#pairs(tasks.splice(0)));
  }

  /** The first task of a lane ends. */
  ends(lane: number, kind: ReportKindNumber = ReportKind.success, outcome: unknown = "done"): void {
    const id = this.lanes[lane]!.shift()!;
    this.says(lane, [{ id, attempt: this.#attempts.get(id)!, kind, outcome }]);
  }

  /** Reports whatever it likes. */
  says(
    lane: number,
    rows: readonly { id: number; attempt: number; kind: ReportKindNumber; outcome?: unknown }[],
  ): void {
    const table = {
      lane,
      ids: Uint32Array.from(rows, ({ id }) => id),
      attempts: Uint32Array.from(rows, ({ attempt }) => attempt),
      kinds: Uint32Array.from(rows, ({ kind }) => kind),
      durationsUs: Uint32Array.from(rows, () => 1500),
    };
    const outcomes = rows.map(({ outcome }) => outcome);
    this.#dispatcher.reported(this.id, packReports(table, outcomes));
  }

  #pairs(ids: readonly number[]): number[] {
    return ids.flatMap((id) => [id, this.#attempts.get(id)!]);
  }
}

/** A dispatcher in simulated time, and what it tells its listener. */
export class DispatcherRun implements Disposable {
  readonly clock = new SimulatedClock();
  readonly starts: TaskStart[] = [];
  readonly reports: TaskReport[] = [];
  readonly dispatcher: Dispatcher;
  readonly #blobs = new BlobStore("proof", () => undefined);

  constructor(options: { sharedResources?: Resources } = {}) {
    const listener: EngineListener = {
      started: (starts) => this.starts.push(...starts),
      reported: (reports) => this.reports.push(...reports),
      log: () => undefined,
      failed: (error) => {
        throw error;
      },
    };
    const values = new WireValues(this.#blobs);
    this.dispatcher = new Dispatcher({ values, clock: this.clock, listener, ...options });
  }

  worker(
    id: string,
    facts: { lanes?: number; tasksPerLane?: number; resources?: Resources } = {},
  ): SimulatedWorker {
    const { lanes = 1, tasksPerLane = 1, resources = {} } = facts;
    const worker = new SimulatedWorker(this.dispatcher, id, lanes);
    this.dispatcher.addWorker({ id, lanes, tasksPerLane, resources }, worker);
    return worker;
  }

  [Symbol.dispose](): void {
    this.dispatcher.close();
    this.#blobs.close();
  }
}
