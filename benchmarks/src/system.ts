import type * as tasks from "./tasks.ts";

export const SYSTEM_NAMES = [
  "muster-local",
  "muster-threads",
  "muster-processes",
  "muster-docker",
  "muster-nats",
  "dask",
  "piscina",
  "piscina-16",
  "tinypool",
  "workerpool-threads",
  "workerpool-processes",
  "jest-worker",
  "bullmq",
  "node-bare",
] as const;
export type SystemName = (typeof SYSTEM_NAMES)[number];

export const WORKLOAD_NAMES = [
  "noop",
  "submit",
  "latency",
  "chain",
  "tree",
  "stencil",
  "boot",
  "boot-four",
  "value-64mib",
  "values-1mib",
  "deep",
  "cpu",
  "timers",
  "waiting-1m",
] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

/** Every system gets as many workers (threads or processes), so that only the system differs. */
export const WORKERS = 2;

type Tasks = Pick<
  typeof tasks,
  "noop" | "increment" | "add" | "makeBytes" | "checksum" | "mix" | "hashBlock" | "timer" | "hold"
>;
export type TaskName = keyof Tasks;
export type Input<N extends TaskName> = Parameters<Tasks[N]>[0];
export type Output<N extends TaskName> = Awaited<ReturnType<Tasks[N]>>;

/** An input that other tasks' results are, whole or element by element; some elements may be there. */
export type Pending<T> = PromiseLike<T> | { readonly [K in keyof T]: T[K] | PromiseLike<T[K]> };

/** A started system. Each method is what a user of that system would write for it. */
export interface Session {
  submit<N extends TaskName>(task: N, input: Input<N>): PromiseLike<Output<N>>;
  map<N extends TaskName>(task: N, inputs: readonly Input<N>[]): PromiseLike<Output<N>[]>;
  /** A task of other tasks' results: a dependency where the system has them, else the driver waits and passes the value on. */
  submitAfter<N extends TaskName>(task: N, input: Pending<Input<N>>): PromiseLike<Output<N>>;
  /** Of the results that it stores now; of systems that store results. */
  storedBytes?(): number;
}

export interface SessionOptions {
  /** Tasks that one worker runs at a time. @default what the system does when it is not told */
  readonly concurrency?: number;
  /** The values are binary: systems whose default encoding is JSON switch to the one that their manual names for this. */
  readonly binary?: boolean;
}

export type Metrics = Readonly<Record<string, number>>;

interface SystemBase {
  /** Why it cannot run here; undefined if it can. */
  missing(): Promise<string | undefined>;
  /** Workloads that it cannot express, and why. */
  readonly leavesOut?: Readonly<Partial<Record<WorkloadName, string>>>;
  /** It keeps results apart from those who made them, until nobody needs them. */
  readonly storesResults?: boolean;
  /** A hundred times slower than others: it gets the workloads' `slowSize`, or one round would take minutes. */
  readonly slow?: boolean;
}

/** A system that this process can drive. */
export interface SessionSystem extends SystemBase {
  readonly kind: "session";
  /** Boots it, runs `body`, closes it. */
  use<T>(options: SessionOptions, body: (session: Session) => Promise<T>): Promise<T>;
  readonly boots?: Boots;
}

/** What a cluster costs beyond the bare thing that each of its workers runs in. Both resolve to milliseconds. */
export interface Boots {
  /** Until so many workers are ready, asked for together. */
  workers(count: number): Promise<number>;
  /** Until so many of what a worker runs in, started together to do nothing, have ended. */
  bare(count: number): Promise<number>;
}

/** A system of another language, whose script has the workloads again. */
export interface ScriptSystem extends SystemBase {
  readonly kind: "script";
  measure(workload: WorkloadName, size: number): Promise<Metrics>;
}

export type System = SessionSystem | ScriptSystem;
