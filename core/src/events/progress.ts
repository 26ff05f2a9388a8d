import type {
  ClusterEvent,
  FlowEvent,
  MusterEvent,
  StateName,
  TaskEvent,
  WorkerEvent,
  WorkerLife,
} from "../contracts/event.ts";

/** How far the tasks of one name are. Each finished task is counted in exactly one of the last five. */
export interface TaskProgress {
  readonly name: string;
  /** Tasks known so far; a flow that still runs may submit more. */
  readonly submitted: number;
  /** Tasks whose current attempt runs now. */
  readonly running: number;
  /** Attempts that were tried again. */
  readonly retried: number;
  /** Tasks that succeeded. */
  readonly done: number;
  readonly failed: number;
  /** Tasks whose worker was lost once too often. */
  readonly crashed: number;
  readonly cancelled: number;
  /** Tasks that could not run because one before them failed. */
  readonly skipped: number;
}

/** How many workers are in which state now, and how many have left. */
export interface WorkerProgress {
  readonly launching: number;
  readonly booting: number;
  readonly ready: number;
  readonly draining: number;
  /** Workers that left because they were meant to. */
  readonly left: number;
  /** Workers that ended without being asked to. */
  readonly lost: number;
  /** Tasks that the ready workers can run at once. */
  readonly slots: number;
}

export interface ClusterProgress {
  readonly name: string;
  readonly state: ClusterEvent["state"];
  readonly bootMs: number | undefined;
  readonly teardownMs: number | undefined;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Where a task run is, as far as the counters need it. */
const UNKNOWN = 0;
const WAITING = 1;
const RUNNING = 2;
const FINISHED = 3;

const FINISHED_COUNTER: Partial<Record<StateName, "done" | "failed" | "crashed" | "cancelled" | "skipped">> =
  {
    Success: "done",
    Failed: "failed",
    Crashed: "crashed",
    Cancelled: "cancelled",
    UpstreamFailed: "skipped",
  };

/**
 * A reader of the event log: how far a run is, in counters. Costs one map look-up and one byte a task, so that
 * it keeps up with hundreds of thousands of events a second.
 */
export class Progress {
  readonly #tasks = new Map<string, Mutable<TaskProgress>>();
  readonly #workerStates = new Map<string, { state: Exclude<WorkerLife, "gone">; slots: number }>();
  readonly #workers: Mutable<WorkerProgress> = {
    launching: 0,
    booting: 0,
    ready: 0,
    draining: 0,
    left: 0,
    lost: 0,
    slots: 0,
  };
  #cluster: Mutable<ClusterProgress> | undefined;
  /** Place of each task run, by its id. */
  #places = new Uint8Array(1024);
  #finishedTasks = 0;
  #version = 0;
  #flowStartedAt: number | undefined;
  #flowEndedAt: number | undefined;
  #firstTaskAt: number | undefined;
  #lastTaskAt: number | undefined;

  /** One entry a task name, in the order in which the names first appeared. */
  get tasks(): Iterable<TaskProgress> {
    return this.#tasks.values();
  }

  get workers(): WorkerProgress {
    return this.#workers;
  }

  /** The cluster that runs the tasks; `undefined` while there is none. */
  get cluster(): ClusterProgress | undefined {
    return this.#cluster;
  }

  /** Goes up with every event that changed something: a view that saw this number is up to date. */
  get version(): number {
    return this.#version;
  }

  /** Tasks that ran to an end: done, failed or crashed. */
  get finishedTasks(): number {
    return this.#finishedTasks;
  }

  /** Milliseconds since the flow began, until `now` (since 1970) or its end. */
  elapsedMs(now: number): number {
    if (this.#flowStartedAt === undefined) return 0;
    return Math.max(0, (this.#flowEndedAt ?? now) - this.#flowStartedAt);
  }

  /** Milliseconds from the first task's submission to the last end of one that ran, so far. */
  get taskSpanMs(): number {
    if (this.#firstTaskAt === undefined || this.#lastTaskAt === undefined) return 0;
    return Math.max(0, this.#lastTaskAt - this.#firstTaskAt);
  }

  /** Finished tasks a second of {@link taskSpanMs}; 0 before any has finished. */
  get tasksPerSecond(): number {
    return this.#finishedTasks === 0 ? 0 : (this.#finishedTasks * 1000) / Math.max(1, this.taskSpanMs);
  }

  record(event: MusterEvent): void {
    switch (event.type) {
      case "task":
        this.#recordTask(event);
        break;
      case "worker":
        this.#recordWorker(event);
        break;
      case "cluster":
        this.#recordCluster(event);
        break;
      case "flow":
        this.#recordFlow(event);
        break;
      case "scaling":
      case "log":
        return;
      default:
        event satisfies never;
    }
    this.#version++;
  }

  #recordTask(event: TaskEvent): void {
    const { id, state } = event;
    if (id >= this.#places.length) this.#growPlaces(id);
    const before = this.#places[id]!;
    if (before === FINISHED) return;

    const counts = this.#tasks.get(event.name) ?? this.#addName(event.name);
    this.#firstTaskAt ??= event.at;
    if (before === UNKNOWN) counts.submitted++;
    if (before === RUNNING) counts.running--;
    if (state === "Retrying") counts.retried++;
    if (state === "Running") counts.running++;

    const finished = FINISHED_COUNTER[state];
    if (finished !== undefined) {
      counts[finished]++;
      const hasRun = finished !== "cancelled" && finished !== "skipped";
      if (hasRun) {
        this.#finishedTasks++;
        this.#lastTaskAt = event.at;
      }
    }
    this.#places[id] = finished !== undefined ? FINISHED : state === "Running" ? RUNNING : WAITING;
  }

  #addName(name: string): Mutable<TaskProgress> {
    const counts: Mutable<TaskProgress> = { name, ...noTasks() };
    this.#tasks.set(name, counts);
    return counts;
  }

  #growPlaces(id: number): void {
    const grown = new Uint8Array(Math.max(id + 1, this.#places.length * 2));
    grown.set(this.#places);
    this.#places = grown;
  }

  #recordWorker(event: WorkerEvent): void {
    const workers = this.#workers;
    const before = this.#workerStates.get(event.worker);
    if (before !== undefined) {
      workers[before.state]--;
      if (before.state === "ready") workers.slots -= before.slots;
    }
    if (event.state === "gone") {
      this.#workerStates.delete(event.worker);
      if (event.expected) workers.left++;
      else workers.lost++;
      return;
    }
    const slots = event.slots ?? before?.slots ?? 1;
    this.#workerStates.set(event.worker, { state: event.state, slots });
    workers[event.state]++;
    if (event.state === "ready") workers.slots += slots;
  }

  #recordCluster(event: ClusterEvent): void {
    this.#cluster ??= { name: event.cluster, state: event.state, bootMs: undefined, teardownMs: undefined };
    this.#cluster.state = event.state;
    if (event.state === "ready") this.#cluster.bootMs = event.durationMs;
    if (event.state === "closed") this.#cluster.teardownMs = event.durationMs;
  }

  #recordFlow(event: FlowEvent): void {
    this.#flowStartedAt ??= event.at;
    if (FINISHED_COUNTER[event.state] !== undefined) this.#flowEndedAt = event.at;
  }
}

/** The counts of a task before the first of its runs. */
export function noTasks(): Mutable<Omit<TaskProgress, "name">> {
  return { submitted: 0, running: 0, retried: 0, done: 0, failed: 0, crashed: 0, cancelled: 0, skipped: 0 };
}
