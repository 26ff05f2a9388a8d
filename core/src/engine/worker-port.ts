import type { TaskFunction } from "./engine.ts";

/** A worker, as the dispatcher speaks to it: over a socket, or in this process. */
export interface WorkerPort {
  /** Makes a function known there, with its code. Called before its first task. */
  define(fn: TaskFunction): void;
  /** The parts of a tasks frame's body. */
  tasks(parts: readonly Uint8Array[]): void;
  cancel(id: number, attempt: number, graceMs: number): void;
  /** Takes back up to `count` tasks of a lane that have not started. They come back as returned. */
  recall(lane: number, count: number): void;
}

export interface WorkerFacts {
  readonly id: string;
  readonly lanes: number;
  readonly tasksPerLane: number;
  readonly resources: Readonly<Record<string, number>>;
}
