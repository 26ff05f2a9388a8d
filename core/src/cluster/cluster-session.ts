import type { Clock } from "../base/clock.ts";
import type { ClusterEvent, ScalingEvent, WorkerEvent } from "../contracts/event.ts";
import type { RunInfo, WorkerId } from "../contracts/provider.ts";
import type { Demand, WorkerDeath, WorkerLink } from "../contracts/worker-link.ts";
import type { EventLog } from "../events/event-log.ts";
import type { GiveUpCause } from "./reconciler.ts";
import type { WorkerState } from "./worker-state.ts";

/** What a cluster gets from the run that it serves. */
export interface ClusterSession {
  readonly run: RunInfo;
  readonly link: WorkerLink;
  /** Where it says what happens. */
  readonly events: EventLog;
  /** What there is to do now; asked for at each adaptive decision. */
  readonly demand: () => Demand;
  /** Names of tasks that could run now if there were room. */
  readonly waiting: () => readonly string[];
  /** Whether the run was cancelled, so that nothing more will begin: what ends now is not replaced. */
  readonly isCancelled: () => boolean;
  readonly clock: Clock;
  /** Workers exit by themselves after this many milliseconds without their engine. */
  readonly deathTimeoutMs: number;
  /** Milliseconds that a cancelled task has before its thread is ended. */
  readonly cancelGraceMs: number;
  /** Workers log everything. */
  readonly debug: boolean;
  /** The engine's end, once it is closing: what a provider has brought for it may go after that alone. */
  readonly engineEnd?: () => Promise<void> | undefined;
}

/** What a cluster can have at most, for the question whether a task can ever run. */
export interface ClusterCapacity {
  /** Of each worker, or, with `sharesResources`, of all together. */
  readonly resources: Readonly<Record<string, number>>;
  readonly sharesResources: boolean;
  /** Task threads of each worker. */
  readonly threads: number;
  readonly tasksPerThread: number;
  /** The adaptive maximum, or as many as are wanted now. */
  readonly maxWorkers: number;
}

/** A worker as it is now. Times in milliseconds. */
export interface WorkerStatus {
  readonly id: WorkerId;
  readonly state: WorkerState;
  /** How long it has been in its state. */
  readonly sinceMs: number;
  /** Tasks that it runs. */
  readonly running: number;
  /** Tasks that it can run at once, once it is connected. */
  readonly slots: number | undefined;
  readonly pid: number | undefined;
  readonly host: string | undefined;
  /** From the request to the connection. */
  readonly bootMs: number | undefined;
  /** The last that its provider said of it: `"ImagePullBackOff: …"`. */
  readonly reason: string | undefined;
}

/** What `cluster.events` tells. */
export type ClusterHappening = WorkerEvent | ScalingEvent | ClusterEvent;

/** Something that a close could not remove. */
export interface Leftover {
  /** `"worker w-3"`, `"what the provider opened"`. */
  readonly what: string;
  readonly reason: string;
}

/** How a close went. */
export interface CloseReport {
  readonly durationMs: number;
  /** Empty when nothing is left behind. */
  readonly leftovers: readonly Leftover[];
}

/** A worker that failed, for the error about it. */
export interface WorkerFailure {
  readonly worker: WorkerId;
  readonly death: WorkerDeath;
}

/** Why there are no workers: the reconciler gave up, or the provider does not tell what becomes of them. */
export type NoWorkersCause = GiveUpCause | "blind";
