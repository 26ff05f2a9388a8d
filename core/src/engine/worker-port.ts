import type { TaskFunction } from "../contracts/engine.ts";
import type { CancelMessage, RecallMessage } from "../wire/protocol.ts";

/** A worker, as the dispatcher speaks to it: over sockets, or in this process. */
export interface WorkerPort {
  /** Makes a function known there, with its code. Called before its first task. */
  define(fn: TaskFunction): void;
  /** The parts of a tasks frame's body, for a lane that is there. */
  tasks(lane: number, parts: readonly Uint8Array[]): void;
  cancel(message: CancelMessage): void;
  recall(message: RecallMessage): void;
  /** Nothing lies there any more, and nothing will before it says that it is awake. */
  rested(): void;
}

export interface WorkerFacts {
  readonly id: string;
  readonly tasksPerLane: number;
  readonly resources: Readonly<Record<string, number>>;
  /** It takes no tasks before it wakes. @default false */
  readonly isResting?: boolean;
}
