import { SimulatedClock } from "../base/clock.ts";
import type { Resources } from "../base/resources.ts";
import type { EngineListener, EngineTask, TaskFunction, TaskReport, TaskStart } from "../contracts/engine.ts";
import type { WorkerDeath } from "../contracts/worker-link.ts";
import { packReports, ReportKind, type ReportKindNumber, readTaskBatch } from "../wire/batches.ts";
import type { CancelMessage, LaneEndedMessage, RecallMessage } from "../wire/protocol.ts";
import { BlobStore } from "./blob-store.ts";
import { Dispatcher } from "./dispatcher.ts";
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
    expectedBytes: 0,
    resources: undefined,
    timeoutMs: undefined,
    onlyOnce: false,
    ...facts,
  };
}

/** A task of a function that nobody has seen run, unless `facts` say otherwise. */
export function engineTask(id: number, facts: Partial<EngineTask> = {}): EngineTask {
  const plain = {
    attempt: 1,
    payload: [],
    dependencies: [],
    priority: 0,
    depth: 1,
    alone: false,
    isWaitedFor: false,
  };
  return { id, rank: id, fn: taskFunction(), ...plain, ...facts };
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
  readonly lanes: number[][] = [];
  /** How many messages with tasks came. */
  messages = 0;
  readonly cancelled: CancelMessage[] = [];
  /** How often it was told that nothing lies there any more. */
  rests = 0;
  readonly #dispatcher: Dispatcher;
  readonly #attempts = new Map<number, number>();
  /** How many tasks came to each lane. */
  readonly #came: number[] = [];

  constructor(dispatcher: Dispatcher, id: string) {
    this.#dispatcher = dispatcher;
    this.id = id;
  }

  opensLane(): void {
    this.#came.push(0);
    this.#dispatcher.addLane(this.id, this.lanes.push([]) - 1);
  }

  define(fn: TaskFunction): void {
    this.defined.push(fn.name);
  }

  tasks(lane: number, parts: readonly Uint8Array[]): void {
    this.messages++;
    const { ids, attempts } = readTaskBatch(Buffer.concat(parts));
    for (const [row, id] of ids.entries()) {
      this.lanes[lane]!.push(id);
      this.#came[lane]!++;
      this.#attempts.set(id, attempts[row]!);
    }
  }

  cancel(message: CancelMessage): void {
    this.cancelled.push(message);
  }

  rested(): void {
    this.rests++;
  }

  /** As a lane does that runs the first one. */
  recall({ lane, end }: RecallMessage): void {
    this.returns(lane, { from: end - this.lanes[lane]!.length + 1, end });
  }

  starts(...ids: number[]): void {
    this.#dispatcher.started(
      this.id,
      ids.flatMap((id) => [id, this.#attempts.get(id)!]),
    );
  }

  /** Says that a task of this lane begins: of those that lie there, unless its number is another. */
  begins(lane: number, id: number, number = this.numberOf(lane, id)): void {
    this.#dispatcher.begins(this.id, lane, { id, attempt: this.#attempts.get(id)!, number });
  }

  /** The number of a task on its lane. */
  numberOf(lane: number, id: number): number {
    return this.#came[lane]! - this.lanes[lane]!.length + this.lanes[lane]!.indexOf(id);
  }

  /** Gives back the last tasks of a lane, those with these numbers. */
  returns(lane: number, { from, end }: { from: number; end: number }): void {
    if (from >= end) return;
    this.lanes[lane]!.splice(from - end);
    this.#dispatcher.returned(this.id, { lane, from, end });
  }

  /** The thread of a lane ends, in which this many tasks had begun. */
  laneEnds(lane: number, begun: number, facts: Partial<LaneEndedMessage> = {}): void {
    const next = this.#came[lane]! - this.lanes[lane]!.length + begun;
    this.lanes[lane]!.length = 0;
    const death = { reason: "its thread ended", outOfMemory: false, deliberate: false };
    this.#dispatcher.laneEnded(this.id, { lane, next, ended: [], death, unusable: undefined, ...facts });
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
      ids: Uint32Array.from(rows, ({ id }) => id),
      attempts: Uint32Array.from(rows, ({ attempt }) => attempt),
      kinds: Uint32Array.from(rows, ({ kind }) => kind),
      durationsUs: Uint32Array.from(rows, () => 1500),
    };
    const outcomes = rows.map(({ outcome }) => outcome);
    this.#dispatcher.reported(this.id, lane, packReports(table, outcomes));
  }
}

/** A dispatcher in simulated time, and what it tells its listener. */
export class DispatcherRun implements Disposable {
  readonly clock = new SimulatedClock();
  readonly starts: TaskStart[] = [];
  readonly reports: TaskReport[] = [];
  /** `[worker, tasks]`, as they were told. */
  readonly loads: [string, number][] = [];
  readonly dispatcher: Dispatcher;
  readonly #blobs = new BlobStore("proof", { freed: () => {}, fetch: () => undefined });

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
    this.dispatcher = new Dispatcher({
      values,
      clock: this.clock,
      listener,
      onLoad: (id, inFlight) => this.loads.push([id, inFlight]),
      ...options,
    });
  }

  worker(
    id: string,
    facts: { lanes?: number; tasksPerLane?: number; resources?: Resources; isResting?: boolean } = {},
  ): SimulatedWorker {
    const { lanes = 1, tasksPerLane = 1, resources = {}, isResting = false } = facts;
    const worker = new SimulatedWorker(this.dispatcher, id);
    this.dispatcher.addWorker({ id, tasksPerLane, resources, isResting }, worker);
    for (let lane = 0; lane < lanes; lane++) worker.opensLane();
    return worker;
  }

  /** From now on no blob can be written. */
  loseBlobs(): void {
    this.#blobs.close();
  }

  [Symbol.dispose](): void {
    this.dispatcher.close();
    this.#blobs.close();
  }
}
