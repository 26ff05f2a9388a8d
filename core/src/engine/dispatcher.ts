import type { Clock, Timer } from "../base/clock.ts";
import type { WorkerDeath } from "../cluster/worker-link.ts";
import { decodeError, type ErrorRecord } from "../wire/errors.ts";
import {
  type BeginsMessage,
  Haste,
  isBefore,
  type LaneEndedMessage,
  packTasks,
  type ReturnedMessage,
  readReportBatch,
  type TaskBodies,
  unpackMessage,
  type WireValue,
  withHaste,
} from "../wire/protocol.ts";
import { endOf, endsWithLane, endsWithWorker, reportKind } from "./attempt-ends.ts";
import { BlobHandle } from "./blob-store.ts";
import type { EngineListener, EngineTask, TaskReport, TaskStart } from "./engine.ts";
import { type InFlight, InFlightTable, type LaneState, type WorkerState } from "./in-flight.ts";
import { ResourceQueues, type Resources } from "./resource-queues.ts";
import type { WireValues } from "./wire-values.ts";
import type { WorkerFacts, WorkerPort } from "./worker-port.ts";

/**
 * How much expected work may lie at a lane, begun or not, in milliseconds: enough to never wait for the driver, which
 * hears of short tasks' ends every 10 ms only. (A third of it made hashing on all cores slower by 3 %: what a wake-up of
 * the driver costs, it costs the tasks.)
 */
const WINDOW_MS = 32;
/** A task that takes longer is not sent ahead of need, in milliseconds. */
const SHORT_MS = 4;
/** What a task costs a worker besides itself, in milliseconds. */
const TASK_OVERHEAD_MS = 0.004;
/** The most bytes of arguments in one message: far from the largest frame that a worker takes. */
const MAX_BATCH_BYTES = 4 * 2 ** 20;
/** The most tasks that lie at a lane. */
const MAX_IN_FLIGHT = 2048;
/** The most bytes that what lies at a lane ahead of need is expected to give: a run's memory follows its width. */
const MAX_AHEAD_BYTES = 4 * 2 ** 20;
/** A lane from which nothing came for so long while others starve gives back what has not begun, in milliseconds; … */
const STUCK_MS = 20;
/** … and so does one that has more than this to do, in milliseconds, and gets its share of it again. */
const MUCH_MS = 2;
/** While lanes starve, it is looked so often whether others have too much, in milliseconds. */
const BALANCE_MS = 1;

export interface DispatcherOptions {
  readonly values: WireValues;
  readonly clock: Clock;
  readonly listener: EngineListener;
  /** Workers share one pool of these resources, instead of having their own each. */
  readonly sharedResources?: Resources | undefined;
  /** The cores of this process's machine, if its lanes are there as well. */
  readonly cores?: number | undefined;
  /** Called after changes of what a worker has to do. */
  readonly onLoad?: (workerId: string, inFlight: number) => void;
}

/**
 * Places tasks on the lanes of workers. A free lane gets the next task at once. Short tasks are sent ahead of need,
 * as many as are expected to take `WINDOW_MS`, in one message; what turns out long gives back those behind it.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #queues = new ResourceQueues();
  readonly #workers = new Map<string, WorkerState>();
  readonly #inFlight = new InFlightTable();
  /** Lanes that had room and found nothing to do. */
  readonly #hungry = new Set<LaneState>();
  /** Attempts that were cancelled while they waited here, by task. */
  readonly #cancelled = new Map<number, number>();
  readonly #sharedPool: { free: Resources } | undefined;
  #lanes = 0;
  #balance: Timer | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#sharedPool = options.sharedResources && { free: options.sharedResources };
  }

  submit(tasks: readonly EngineTask[]): void {
    for (const task of tasks) this.#queues.push(task);
    this.#feedHungry();
  }

  /** `true` when it was still waiting here; else its end will be reported. */
  cancel(task: EngineTask, graceMs: number): boolean {
    const { id, attempt } = task;
    const entry = this.#inFlight.get(id, attempt);
    if (entry !== undefined) {
      const { lane } = entry;
      entry.cancelled = true;
      lane.worker.port.cancel({ lane: lane.number, end: lane.sent, id, attempt, graceMs });
      return false;
    }
    this.#cancelled.set(id, attempt);
    return true;
  }

  addWorker(facts: WorkerFacts, port: WorkerPort): void {
    const { id, tasksPerLane, resources } = facts;
    const worker: WorkerState = {
      id,
      port,
      tasksPerLane,
      lanes: new Map(),
      defined: new Set(),
      pool: this.#sharedPool ?? { free: resources },
      inFlight: 0,
      draining: false,
    };
    this.#workers.set(id, worker);
  }

  /** A thread of the worker can be reached. */
  addLane(workerId: string, number: number): void {
    const worker = this.#workers.get(workerId);
    if (worker === undefined || worker.lanes.has(number)) return;
    const lane: LaneState = {
      worker,
      number,
      concurrency: worker.tasksPerLane,
      sent: 0,
      inFlight: 0,
      expectedMs: 0,
      expectedBytes: 0,
      quietSince: this.#options.clock.now(),
      begun: new Set(),
      outgoing: [],
    };
    worker.lanes.set(number, lane);
    if (worker.draining) return;
    this.#lanes++;
    this.#feed([lane]);
    // There may be nothing to do for it but what lies stuck behind others.
    this.#scheduleBalance();
  }

  /** The thread of a lane is gone: what had begun is lost, or was ended; what had not is sent elsewhere. */
  laneEnded(workerId: string, message: LaneEndedMessage): void {
    const worker = this.#workers.get(workerId);
    const lane = worker?.lanes.get(message.lane);
    if (worker === undefined || lane === undefined) return;
    worker.lanes.delete(lane.number);
    this.#hungry.delete(lane);
    if (!worker.draining) this.#lanes--;
    const here = this.#inFlight.at(lane);
    const { reports, waiting } = endsWithLane(here, message, ++this.#inFlight.losses);
    for (const entry of here) this.#inFlight.remove(entry);
    this.#takeBack(waiting, reports);
    this.#feedHungry();
    this.#options.onLoad?.(workerId, worker.inFlight);
    if (reports.length > 0) this.#options.listener.reported(reports);
  }

  /** The worker takes no more tasks; what has begun there goes on, and the rest comes back. */
  drainWorker(id: string): void {
    const worker = this.#workers.get(id);
    if (worker === undefined || worker.draining) return;
    this.#stopFeeding(worker);
    for (const lane of worker.lanes.values()) {
      if (lane.inFlight > 0) worker.port.recall({ lane: lane.number, end: lane.sent });
    }
  }

  #stopFeeding(worker: WorkerState): void {
    if (worker.draining) return;
    worker.draining = true;
    this.#lanes -= worker.lanes.size;
    for (const lane of worker.lanes.values()) this.#hungry.delete(lane);
  }

  /** The worker is gone. What lay there is reported as lost. */
  removeWorker(id: string, death: WorkerDeath): void {
    const worker = this.#workers.get(id);
    if (worker === undefined) return;
    this.#stopFeeding(worker);
    this.#workers.delete(id);
    const here = this.#inFlight.of(worker);
    const reports = endsWithWorker(here, death, ++this.#inFlight.losses);
    for (const entry of here) this.#inFlight.remove(entry);
    // What it held of resources that it shared is free again.
    this.#feedHungry();
    if (reports.length > 0) this.#options.listener.reported(reports);
  }

  /** How many tasks lie at the worker. */
  load(id: string): number {
    return this.#workers.get(id)?.inFlight ?? 0;
  }

  /** @param ids `[id, attempt]` pairs */
  started(workerId: string, ids: readonly number[]): void {
    const starts: TaskStart[] = [];
    for (let index = 0; index + 1 < ids.length; index += 2) {
      const entry = this.#inFlight.get(ids[index]!, ids[index + 1]);
      if (entry?.lane.worker.id !== workerId) continue;
      entry.started = true;
      starts.push({ task: entry.task, attempt: entry.attempt, worker: workerId });
    }
    if (starts.length > 0) this.#options.listener.started(starts);
  }

  /** The lane is about to call this attempt's task. */
  begins(workerId: string, laneNumber: number, { id, attempt, number }: BeginsMessage): void {
    const entry = this.#inFlight.get(id, attempt);
    if (entry?.lane.worker.id !== workerId || entry.lane.number !== laneNumber || entry.number !== number)
      return;
    entry.started = true;
    entry.lane.begun.add(entry.task.fn);
  }

  /** What was recalled will not begin there. */
  returned(workerId: string, { lane: number, from, end }: ReturnedMessage): void {
    const lane = this.#workers.get(workerId)?.lanes.get(number);
    if (lane === undefined) return;
    const back = this.#inFlight
      .at(lane)
      .filter((entry) => !isBefore(entry.number, from) && isBefore(entry.number, end));
    for (const entry of back) this.#inFlight.remove(entry);
    const reports: TaskReport[] = [];
    this.#takeBack(back, reports);
    // A lane that is stuck must not get the same tasks again, before it tells of an end.
    const isStuck = lane.inFlight >= lane.concurrency && this.#isStuck(lane);
    if (lane.worker.draining || isStuck) this.#hungry.delete(lane);
    else this.#hungry.add(lane);
    this.#feedHungry();
    this.#options.onLoad?.(workerId, lane.worker.inFlight);
    if (reports.length > 0) this.#options.listener.reported(reports);
  }

  /** What comes back waits here again, in its order; what was cancelled meanwhile has its end. */
  #takeBack(entries: readonly InFlight[], reports: TaskReport[]): void {
    for (const entry of [...entries].reverse()) {
      if (entry.cancelled) reports.push(endOf(entry, "cancelled"));
      else this.#queues.unshift(entry.task);
    }
  }

  /** @param body of a reports frame */
  reported(workerId: string, laneNumber: number, body: Uint8Array): void {
    const worker = this.#workers.get(workerId);
    const lane = worker?.lanes.get(laneNumber);
    if (worker === undefined || lane === undefined) return;
    const { ids, attempts, kinds, durationsUs, outcomesAt } = readReportBatch(body);
    const outcomes = unpackMessage<readonly unknown[]>(body.subarray(outcomesAt));
    lane.quietSince = this.#options.clock.now();
    const reports: TaskReport[] = [];
    let freedResources = false;
    try {
      for (let row = 0; row < ids.length; row++) {
        const entry = this.#inFlight.get(ids[row]!, attempts[row]);
        if (entry?.lane !== lane) continue;
        const end = { outcome: outcomes[row], durationMs: durationsUs[row]! / 1000 };
        // Throws when the worker sends nonsense: then the attempt stays in flight, and is lost with its lane.
        const report = this.#report(entry, kinds[row]!, end);
        this.#inFlight.remove(entry);
        freedResources ||= entry.task.fn.resources !== undefined;
        reports.push(report);
      }
    } finally {
      // The worker goes on while the driver looks at what came.
      this.#feed([lane]);
      // What one task gives back may be enough for several, on any lane.
      if (freedResources) this.#feedHungry();
      else this.#scheduleBalance();
      this.#options.onLoad?.(workerId, worker.inFlight);
      if (reports.length > 0) this.#options.listener.reported(reports);
    }
  }

  close(): void {
    this.#balance?.cancel();
    this.#queues.clear();
    this.#hungry.clear();
  }

  #report(entry: InFlight, kindNumber: number, end: { outcome: unknown; durationMs: number }): TaskReport {
    const kind = reportKind(kindNumber);
    const { task, attempt, lane } = entry;
    const value = kind === "success" ? this.#options.values.received(end.outcome as WireValue) : undefined;
    return {
      task,
      attempt,
      worker: lane.worker.id,
      kind,
      value,
      bytes: value instanceof BlobHandle ? value.byteLength : 0,
      error: kind === "failure" ? decodeError(end.outcome as ErrorRecord) : undefined,
      durationMs: end.durationMs,
      started: true,
      death: undefined,
      loss: undefined,
    };
  }

  #feedHungry(): void {
    if (this.#queues.size > 0) this.#feed([...this.#hungry].sort(byLoad));
    this.#scheduleBalance();
  }

  /**
   * Gives lanes what they have room for: first, to each, what can begin at once; then what is sent ahead, so that what
   * waits is spread over all lanes before it is stacked on one.
   * @param lanes those with the least to do first
   */
  #feed(lanes: readonly LaneState[]): void {
    for (let waiting = -1; waiting !== this.#queues.size; ) {
      waiting = this.#queues.size;
      const share = Math.ceil(waiting / lanes.length);
      for (const lane of lanes) this.#fill(lane, share);
    }
    if (this.#queues.plainSize > 0) {
      const levelMs = this.#levelMs();
      for (const lane of lanes) this.#fillAhead(lane, levelMs);
    }
    for (const lane of lanes) {
      if (lane.worker.draining) continue;
      if (lane.inFlight < lane.concurrency || lane.expectedMs < WINDOW_MS / 2) this.#hungry.add(lane);
      else this.#hungry.delete(lane);
      this.#send(lane);
    }
  }

  /** What can begin at once, at most so many. */
  #fill(lane: LaneState, share: number): void {
    if (lane.worker.draining) return;
    for (let count = 0; count < share && lane.inFlight < lane.concurrency; count++) {
      const task = this.#take(() => this.#queues.take(lane.worker.pool.free));
      if (task === undefined) return;
      this.#place(task, lane);
    }
  }

  #fillAhead(lane: LaneState, levelMs: number): void {
    if (lane.worker.draining || lane.expectedMs >= WINDOW_MS / 2) return;
    const mayGoAhead = (task: EngineTask): boolean =>
      isShort(task) && lane.expectedBytes + task.fn.expectedBytes <= MAX_AHEAD_BYTES;
    while (lane.expectedMs < levelMs && lane.inFlight < MAX_IN_FLIGHT) {
      const task = this.#take(() => this.#queues.takeIf(mayGoAhead));
      if (task === undefined) return;
      this.#place(task, lane);
    }
  }

  /** How much every lane has to do when what waits is spread evenly, in milliseconds; no more than may lie at one. */
  #levelMs(): number {
    const waitingMs = this.#queues.plainSize * costMs(this.#queues.peekPlain()!);
    const evenMs = (this.#inFlight.expectedMs + waitingMs) / this.#lanes;
    // A little less than even: sums of fractions must not send one more.
    return Math.min(evenMs - TASK_OVERHEAD_MS / 2, WINDOW_MS);
  }

  /**
   * Lanes keep all cores busy, and this process gets one only when a lane has nothing to do: an end that is told earlier
   * wakes it for nothing, and where it then waits no lane's end sets it free.
   */
  get #isCrowded(): boolean {
    return this.#lanes >= (this.#options.cores ?? Number.POSITIVE_INFINITY);
  }

  /** The next task that was not cancelled meanwhile. */
  #take(next: () => EngineTask | undefined): EngineTask | undefined {
    for (;;) {
      const task = next();
      if (task === undefined || this.#cancelled.size === 0) return task;
      if (this.#cancelled.get(task.id) !== task.attempt) return task;
      this.#cancelled.delete(task.id);
    }
  }

  #place(task: EngineTask, lane: LaneState): void {
    if (lane.inFlight === 0) lane.quietSince = this.#options.clock.now();
    lane.outgoing.push(this.#inFlight.add(task, lane, costMs(task)));
  }

  #send(lane: LaneState): void {
    const batch = lane.outgoing;
    if (batch.length === 0) return;
    lane.outgoing = [];
    const { values } = this.#options;
    let first = 0;
    let bytes = 0;
    for (let row = 0; row < batch.length; row++) {
      bytes += values.argumentBytes(batch[row]!.task);
      if (bytes < MAX_BATCH_BYTES && row < batch.length - 1) continue;
      this.#sendBatch(lane, batch.slice(first, row + 1));
      first = row + 1;
      bytes = 0;
    }
    this.#options.onLoad?.(lane.worker.id, lane.worker.inFlight);
  }

  #sendBatch(lane: LaneState, batch: readonly InFlight[]): void {
    const { port, defined } = lane.worker;
    let bodies: TaskBodies;
    try {
      bodies = this.#options.values.bodies(batch);
    } catch (error) {
      this.#cannotSend(lane, batch, error as Error);
      return;
    }
    const waited = this.#isCrowded ? Haste.soon : Haste.atOnce;
    const ids: number[] = [];
    const attempts: number[] = [];
    const functions: number[] = [];
    for (const entry of batch) {
      const { task, attempt } = entry;
      if (!defined.has(task.fn)) {
        defined.add(task.fn);
        port.define(task.fn);
      }
      ids.push(task.id);
      attempts.push(attempt);
      functions.push(withHaste(task.fn.index, task.isWaitedFor ? waited : Haste.none));
      entry.number = lane.sent;
      lane.sent = (lane.sent + 1) >>> 0;
    }
    port.tasks(lane.number, packTasks({ ids, attempts, functions }, bodies));
  }

  /** Arguments that many values are in are a file, for which there may be no room: that is the end of that task alone. */
  #cannotSend(lane: LaneState, batch: readonly InFlight[], error: Error): void {
    if (batch.length > 1) {
      for (const entry of batch) this.#sendBatch(lane, [entry]);
      return;
    }
    const [entry] = batch;
    this.#inFlight.remove(entry!);
    const report = { ...endOf(entry!, "failure"), error };
    queueMicrotask(() => {
      this.#feed([lane]);
      this.#options.listener.reported([report]);
    });
  }

  /** While lanes starve and tasks lie behind others, looks whether those others have too much. */
  #scheduleBalance(): void {
    if (this.#balance !== undefined || this.#queues.size > 0) return;
    if (this.#hungry.size === 0 || this.#inFlight.crowded.size === 0) return;
    this.#balance = this.#options.clock.after(
      BALANCE_MS,
      () => {
        this.#balance = undefined;
        this.#recallTooMuch();
        this.#scheduleBalance();
      },
      { keepAlive: false },
    );
  }

  #recallTooMuch(): void {
    if (![...this.#hungry].some((lane) => lane.inFlight < lane.concurrency)) return;
    const now = this.#options.clock.now();
    for (const lane of [...this.#inFlight.crowded]) {
      const leftMs = lane.expectedMs - (now - lane.quietSince);
      if (leftMs > MUCH_MS || this.#isStuck(lane))
        lane.worker.port.recall({ lane: lane.number, end: lane.sent });
    }
  }

  #isStuck(lane: LaneState): boolean {
    return this.#options.clock.now() - lane.quietSince > STUCK_MS;
  }
}

/** Known to be short, and was never there when a worker was lost. */
function isShort({ alone, fn }: EngineTask): boolean {
  return !alone && fn.expectedMs !== undefined && fn.expectedMs < SHORT_MS;
}

function costMs({ fn }: EngineTask): number {
  return (fn.expectedMs ?? WINDOW_MS) + TASK_OVERHEAD_MS;
}

function byLoad(one: LaneState, other: LaneState): number {
  return one.expectedMs - other.expectedMs;
}
