import type { Clock } from "../base/clock.ts";
import type { Resources } from "../base/resources.ts";
import { isBefore } from "../base/round-numbers.ts";
import type { EngineListener, EngineTask, TaskReport, TaskStart } from "../contracts/engine.ts";
import type { WorkerDeath } from "../contracts/worker-link.ts";
import { readReportBatch } from "../wire/batches.ts";
import type { WireValue } from "../wire/envelope.ts";
import { decodeError, type ErrorRecord } from "../wire/errors.ts";
import { unpackMessage } from "../wire/message.ts";
import type { BeginsMessage, LaneEndedMessage, ReturnedMessage } from "../wire/protocol.ts";
import { endOf, endsWithLane, endsWithWorker, reportKind } from "./attempt-ends.ts";
import { BlobHandle } from "./blob-store.ts";
import { type InFlight, InFlightTable, type LaneState, takesTasks, type WorkerState } from "./in-flight.ts";
import { LaneFeeder } from "./lane-feeder.ts";
import { TaskSender } from "./task-sender.ts";
import type { WireValues } from "./wire-values.ts";
import type { WorkerFacts, WorkerPort } from "./worker-port.ts";

export interface DispatcherOptions {
  readonly values: WireValues;
  readonly clock: Clock;
  readonly listener: EngineListener;
  /** Workers share one pool of these resources, instead of having their own each. */
  readonly sharedResources?: Resources | undefined;
  /** The cores of this process's machine, if its lanes are there as well: then they see its large values, too. */
  readonly cores?: number | undefined;
  /** Called after changes of what a worker has to do. */
  readonly onLoad?: (workerId: string, inFlight: number) => void;
}

/**
 * Places tasks on the lanes of workers, and knows what lies at each: what becomes of it when a lane tells of ends, gives
 * back, or is gone. Which task goes where is the `LaneFeeder`'s.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #feeder: LaneFeeder;
  readonly #workers = new Map<string, WorkerState>();
  readonly #inFlight = new InFlightTable();
  readonly #sharedPool: { free: Resources } | undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#sharedPool = options.sharedResources && { free: options.sharedResources };
    const { values, clock, cores } = options;
    const sender = new TaskSender({
      values,
      isCrowded: () => this.#feeder.isCrowded,
      cannotSend: (entry, error) => this.#cannotSend(entry, error),
    });
    this.#feeder = new LaneFeeder({
      clock,
      cores,
      inFlight: this.#inFlight,
      send: (lane) => {
        if (lane.outgoing.length === 0) return;
        sender.send(lane);
        options.onLoad?.(lane.worker.id, lane.worker.inFlight);
      },
    });
  }

  submit(tasks: readonly EngineTask[]): void {
    this.#feeder.add(tasks);
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
    this.#feeder.cancel(task);
    return true;
  }

  addWorker(facts: WorkerFacts, port: WorkerPort): void {
    const { id, tasksPerLane, resources, isResting = false } = facts;
    const worker: WorkerState = {
      id,
      port,
      tasksPerLane,
      lanes: new Map(),
      defined: new Set(),
      pool: this.#sharedPool ?? { free: resources },
      inFlight: 0,
      draining: false,
      resting: isResting,
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
    if (takesTasks(worker)) this.#feeder.addLane(lane);
  }

  /** The thread of a lane is gone: what had begun is lost, or was ended; what had not is sent elsewhere. */
  laneEnded(workerId: string, message: LaneEndedMessage): void {
    const worker = this.#workers.get(workerId);
    const lane = worker?.lanes.get(message.lane);
    if (worker === undefined || lane === undefined) return;
    worker.lanes.delete(lane.number);
    if (takesTasks(worker)) this.#feeder.removeLane(lane);
    const here = this.#inFlight.at(lane);
    const { reports, waiting } = endsWithLane(here, message, ++this.#inFlight.losses);
    for (const entry of here) this.#inFlight.remove(entry);
    this.#takeBack(waiting, reports);
    this.#feeder.feedHungry();
    this.#loadChanged(worker);
    if (reports.length > 0) this.#options.listener.reported(reports);
  }

  /** The worker takes no more tasks; what has begun there goes on, and the rest comes back. */
  drainWorker(id: string): void {
    const worker = this.#workers.get(id);
    if (worker === undefined || worker.draining) return;
    this.#stopFeeding(worker, "draining");
    this.#recallAll(worker);
  }

  /** The same, until it wakes. It is told when nothing lies there any more. */
  restWorker(id: string): void {
    const worker = this.#workers.get(id);
    if (worker === undefined || worker.resting) return;
    this.#stopFeeding(worker, "resting");
    if (worker.inFlight === 0) worker.port.rested();
    else this.#recallAll(worker);
  }

  wakeWorker(id: string): void {
    const worker = this.#workers.get(id);
    if (worker === undefined || !worker.resting) return;
    worker.resting = false;
    if (worker.draining) return;
    for (const lane of worker.lanes.values()) this.#feeder.addLane(lane);
  }

  /** What could run now or does, by what it needs: waiting here, or at workers. */
  get demand(): { readonly needs: Resources; readonly count: number }[] {
    return this.#feeder.waiting.map(({ needs, size }) => ({
      needs,
      count: size + this.#inFlight.needing(needs),
    }));
  }

  #recallAll(worker: WorkerState): void {
    for (const lane of worker.lanes.values()) {
      if (lane.inFlight > 0) worker.port.recall({ lane: lane.number, end: lane.sent });
    }
  }

  #stopFeeding(worker: WorkerState, why: "draining" | "resting"): void {
    const wasFed = takesTasks(worker);
    worker[why] = true;
    if (!wasFed) return;
    for (const lane of worker.lanes.values()) this.#feeder.removeLane(lane);
  }

  #loadChanged(worker: WorkerState): void {
    if (worker.resting && worker.inFlight === 0) worker.port.rested();
    this.#options.onLoad?.(worker.id, worker.inFlight);
  }

  /** The worker is gone. What lay there is reported as lost. */
  removeWorker(id: string, death: WorkerDeath): void {
    const worker = this.#workers.get(id);
    if (worker === undefined) return;
    this.#stopFeeding(worker, "draining");
    this.#workers.delete(id);
    const here = this.#inFlight.of(worker);
    const reports = endsWithWorker(here, death, ++this.#inFlight.losses);
    for (const entry of here) this.#inFlight.remove(entry);
    // What it held of resources that it shared is free again.
    this.#feeder.feedHungry();
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
    entry.announced = true;
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
    this.#feeder.returned(lane);
    this.#loadChanged(lane.worker);
    if (reports.length > 0) this.#options.listener.reported(reports);
  }

  /** What comes back waits here again, in its order; what was cancelled meanwhile has its end. */
  #takeBack(entries: readonly InFlight[], reports: TaskReport[]): void {
    for (const entry of [...entries].reverse()) {
      if (entry.cancelled) reports.push(endOf(entry, "cancelled"));
      else this.#feeder.takeBack(entry.task);
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
      this.#feeder.feed(lane);
      // What one task gives back may be enough for several, on any lane.
      if (freedResources) this.#feeder.feedHungry();
      this.#loadChanged(worker);
      if (reports.length > 0) this.#options.listener.reported(reports);
    }
  }

  close(): void {
    this.#feeder.close();
  }

  #report(entry: InFlight, kindNumber: number, end: { outcome: unknown; durationMs: number }): TaskReport {
    const kind = reportKind(kindNumber);
    const { task, attempt, lane } = entry;
    const value = kind === "success" ? this.#options.values.received(end.outcome as WireValue) : undefined;
    if (value instanceof BlobHandle) value.holdAt(lane.worker.id);
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

  #cannotSend(entry: InFlight, error: Error): void {
    this.#inFlight.remove(entry);
    const report = { ...endOf(entry, "failure"), error };
    // Not in the middle of the call that would send it.
    queueMicrotask(() => {
      this.#feeder.feed(entry.lane);
      this.#options.listener.reported([report]);
    });
  }
}
