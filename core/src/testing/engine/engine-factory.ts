import type { Engine } from "../../contracts/engine.ts";
import type { WorkerId } from "../../contracts/provider.ts";
import type { WorkerDeath, WorkerLink } from "../../contracts/worker-link.ts";
import type { RunMessage } from "../../wire/protocol.ts";

/** What a test wants of an engine and its workers. Times are milliseconds; what is undefined has its default. */
export interface EngineOptions {
  readonly run: RunMessage;
  /** Workers that there are at first. An engine whose workers have one thread each has as many as threads are wanted. */
  readonly workers: number;
  readonly threadsPerWorker: number;
  readonly tasksPerThread: number;
  /** Of each worker; of all together, where they share them. */
  readonly resources: Readonly<Record<string, number>>;
  readonly cancelGraceMs: number;
  /** Of signs of life, between engine and worker. */
  readonly heartbeatMs: number | undefined;
  readonly workerTimeoutMs: number | undefined;
  /** Bytes of heap of each thread, where workers are added. */
  readonly memoryLimit: number | undefined;
}

/** An engine under test, and the way to its workers. */
export interface OpenEngine {
  readonly engine: Engine;
  /** Where workers are processes: what is told of them, and what a cluster can say to the engine. */
  readonly link?: Omit<WorkerLink, "endpoint">;
  /** Where workers are added: starts one, and tells the engine of its death as a cluster would. */
  readonly addWorker?: (id: WorkerId) => Promise<{ readonly ended: Promise<WorkerDeath> }>;
}

/** How the tests get at an engine, and what they cannot know of it. */
export interface EngineFactory {
  /**
   * `added`: workers are processes that somebody starts, and the engine hears of. `own`: it starts as many processes as it
   * is to have by itself, and others in their place. `threads`: tasks run in threads of this process.
   */
  readonly workers: "added" | "own" | "threads";
  /** Makes an engine, and does not start it. */
  readonly open: (options: EngineOptions) => OpenEngine;
  /** One that cannot start, or whose workers cannot. */
  readonly broken?: BrokenEngine;
  /** Where large values of a run lie, if that is not a directory of this machine alone. */
  readonly store?: ValueStore;
  /** Milliseconds that each test may take. @default 60000 */
  readonly timeoutMs?: number;
}

export interface BrokenEngine {
  readonly open: (options: EngineOptions) => OpenEngine;
  /** Variables of this process's environment meanwhile. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the error says: the one of its start, or the one that its listener hears. */
  readonly says: RegExp;
}

/** A place for large values that an engine has elsewhere. */
export interface ValueStore {
  /** How many there are of a run's. */
  readonly bytes: (runId: string) => Promise<number>;
  /** What a run left there: names, for messages. */
  readonly leftovers: (runId: string) => Promise<readonly string[]>;
}
