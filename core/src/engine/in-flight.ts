import { type Resources, without } from "../base/resources.ts";
import type { EngineTask, TaskFunction } from "../contracts/engine.ts";
import { resourceKey } from "./resource-queues.ts";
import type { WorkerPort } from "./worker-port.ts";

const NO_NEEDS = resourceKey({});

/** A worker, as the dispatcher knows it. */
export interface WorkerState {
  readonly id: string;
  readonly port: WorkerPort;
  readonly tasksPerLane: number;
  readonly lanes: Map<number, LaneState>;
  /** The functions that it has been told of. */
  readonly defined: Set<TaskFunction>;
  /** What of its resources no task has: its own, or what all workers of one machine share. */
  readonly pool: { free: Resources };
  inFlight: number;
  draining: boolean;
  /** It works for another run, or is about to: it is told when nothing lies there any more. */
  resting: boolean;
}

/** Whether a worker takes tasks. */
export function takesTasks({ draining, resting }: WorkerState): boolean {
  return !draining && !resting;
}

/** A task thread of a worker, and the way to it. */
export interface LaneState {
  readonly worker: WorkerState;
  readonly number: number;
  readonly concurrency: number;
  /** How many tasks were ever sent there; both sides count, by 32 bits. */
  sent: number;
  inFlight: number;
  /** Expected milliseconds of what lies there. */
  expectedMs: number;
  /** Expected bytes of what that will give. */
  expectedBytes: number;
  /** Since when nothing has come from it, or nothing lay there; in the clock's milliseconds. */
  quietSince: number;
  /** Functions of which it said that a task begins: it does so with the first of each. */
  readonly begun: Set<TaskFunction>;
  /** What is about to be sent there. */
  outgoing: InFlight[];
}

/** An attempt that lies at a lane, begun or not. */
export interface InFlight {
  readonly task: EngineTask;
  readonly attempt: number;
  readonly lane: LaneState;
  /** Among all that were sent to the lane; before it is sent, as that of the next. */
  number: number;
  /** How long it is expected to keep the lane, in milliseconds. */
  readonly costMs: number;
  /** How many workers and threads had been lost before it was placed. */
  readonly lossesBefore: number;
  /** Of what it is expected to give. */
  readonly bytes: number;
  /** Whether its lane said that it begins, or was seen to run it. Short ones that lie behind others are not announced. */
  started: boolean;
  /** Its lane said so before it called it: nothing behind it began before its end was told. */
  announced: boolean;
  cancelled: boolean;
}

/** What lies at lanes, with what it takes there of room, time and resources. */
export class InFlightTable {
  readonly #entries = new Map<number, InFlight>();
  readonly #crowded = new Set<LaneState>();
  /** How many tasks there are of functions that need resources, by what they need. */
  readonly #needing = new Map<string, number>();
  #withNeeds = 0;
  #expectedMs = 0;

  /** Expected milliseconds of all that lies at lanes. */
  get expectedMs(): number {
    return this.#expectedMs;
  }

  /** How many workers and threads were lost so far. */
  losses = 0;

  get size(): number {
    return this.#entries.size;
  }

  /** Lanes at which tasks lie behind those that run. */
  get crowded(): ReadonlySet<LaneState> {
    return this.#crowded;
  }

  /** This attempt of the task with this id; undefined when it lies at no lane. */
  get(id: number, attempt: number | undefined): InFlight | undefined {
    const entry = this.#entries.get(id);
    return entry?.attempt === attempt ? entry : undefined;
  }

  /** @param costMs how long it is expected to keep the lane, in milliseconds */
  add(task: EngineTask, lane: LaneState, costMs: number): InFlight {
    const { attempt } = task;
    const entry: InFlight = {
      task,
      attempt,
      lane,
      number: lane.sent,
      costMs,
      bytes: task.fn.expectedBytes,
      lossesBefore: this.losses,
      started: false,
      announced: false,
      cancelled: false,
    };
    lane.inFlight++;
    if (lane.inFlight === lane.concurrency + 1) this.#crowded.add(lane);
    lane.expectedMs += costMs;
    lane.expectedBytes += entry.bytes;
    this.#expectedMs += costMs;
    lane.worker.inFlight++;
    const { pool } = lane.worker;
    if (task.fn.resources !== undefined) {
      pool.free = without(pool.free, task.fn.resources);
      this.#countNeeds(task.fn.resources, 1);
    }
    this.#entries.set(task.id, entry);
    return entry;
  }

  remove({ task, lane, costMs, bytes }: InFlight): void {
    this.#entries.delete(task.id);
    lane.inFlight--;
    if (lane.inFlight === lane.concurrency) this.#crowded.delete(lane);
    lane.expectedMs = lane.inFlight === 0 ? 0 : lane.expectedMs - costMs;
    lane.expectedBytes = lane.inFlight === 0 ? 0 : lane.expectedBytes - bytes;
    this.#expectedMs = this.#entries.size === 0 ? 0 : this.#expectedMs - costMs;
    lane.worker.inFlight--;
    const { pool } = lane.worker;
    if (task.fn.resources !== undefined) {
      pool.free = without(pool.free, task.fn.resources, -1);
      this.#countNeeds(task.fn.resources, -1);
    }
  }

  /** How many lie at lanes that need just this. */
  needing(needs: Resources): number {
    const key = resourceKey(needs);
    return key === NO_NEEDS ? this.#entries.size - this.#withNeeds : (this.#needing.get(key) ?? 0);
  }

  #countNeeds(needs: Resources, by: 1 | -1): void {
    const key = resourceKey(needs);
    this.#needing.set(key, (this.#needing.get(key) ?? 0) + by);
    this.#withNeeds += by;
  }

  /** What lies at this lane, in the order in which it was sent. */
  at(lane: LaneState): InFlight[] {
    return [...this.#entries.values()].filter((entry) => entry.lane === lane);
  }

  /** What lies at any lane of this worker. */
  of(worker: WorkerState): InFlight[] {
    return [...this.#entries.values()].filter((entry) => entry.lane.worker === worker);
  }
}
