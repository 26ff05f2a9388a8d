import type { Demand } from "./worker-link.ts";

/** The states of a flow run and of a task run, as in Prefect. */
export type StateName =
  | "Pending"
  | "Running"
  | "Retrying"
  | "Success"
  | "Failed"
  | "Crashed"
  | "Cancelled"
  | "UpstreamFailed";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** The flow run changed its state. */
export interface FlowEvent {
  readonly type: "flow";
  readonly at: number;
  readonly flowName: string;
  readonly flowRunId: string;
  readonly state: StateName;
  readonly message?: string;
}

/** A task run changed its state. `Running` of a task that took under some milliseconds comes with its end. */
export interface TaskEvent {
  readonly type: "task";
  readonly at: number;
  /** Number of the task run, from 1, in order of submission. */
  readonly id: number;
  readonly name: string;
  readonly state: StateName;
  /** 1 for the first attempt; 0 before it. */
  readonly attempt: number;
  readonly worker?: string;
  /** Milliseconds that the attempt ran, with its end. */
  readonly durationMs?: number;
  /** What went wrong, with `Failed`, `Crashed`, `Retrying`, `Cancelled`, `UpstreamFailed`. */
  readonly message?: string;
}

/** `launching`: asked for. `booting`: its process runs. `ready`: connected. `draining`: finishes and leaves. */
export type WorkerLife = "launching" | "booting" | "ready" | "draining" | "gone";

export interface WorkerEvent {
  readonly type: "worker";
  readonly at: number;
  readonly worker: string;
  readonly state: WorkerLife;
  readonly slots?: number;
  /** Milliseconds from the request to the connection, with `ready`. */
  readonly bootMs?: number;
  /** `true`: it was meant to go. */
  readonly expected?: boolean;
  readonly reason?: string;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly outOfMemory?: boolean;
}

/** The wanted number of workers changed, and why. */
export interface ScalingEvent {
  readonly type: "scaling";
  readonly at: number;
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  readonly demand?: Demand;
}

export interface ClusterEvent {
  readonly type: "cluster";
  readonly at: number;
  readonly cluster: string;
  readonly state: "starting" | "ready" | "closing" | "closed" | "failed";
  /** Milliseconds: of the boot with `ready`, of the teardown with `closed`. */
  readonly durationMs?: number;
  readonly message?: string;
}

/** A line that a task logged, a worker printed, or Muster itself has to say. */
export interface LogEvent {
  readonly type: "log";
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly worker?: string;
  /** Name of the task that logged it. */
  readonly task?: string;
  readonly taskRun?: number;
  /** Of the task: 1 for the first. */
  readonly attempt?: number;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** One record of what happened. `at` is milliseconds since 1970. */
export type MusterEvent = FlowEvent | TaskEvent | WorkerEvent | ScalingEvent | ClusterEvent | LogEvent;
