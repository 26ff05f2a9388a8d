import { noTasks, type Progress, type TaskProgress } from "../events/progress.ts";
import type { State } from "../flow/index.ts";
import { RemoteTaskError } from "../wire/errors.ts";
import { userFrames } from "./describe-error.ts";

/** What `--json` prints: one object, for a program to read. */
export interface JsonReport {
  readonly state: string;
  readonly message: string;
  /** What the flow returned; `Map` and `Set` as arrays, `bigint` as text. */
  readonly result?: unknown;
  readonly error?: JsonError;
  /** Sums over all task names, and each name's own. */
  readonly counts: Omit<TaskProgress, "name"> & { readonly tasks: readonly TaskProgress[] };
  readonly timings: {
    readonly elapsedMs: number;
    readonly tasksPerSecond: number;
    readonly clusterBootMs?: number;
    readonly clusterTeardownMs?: number;
  };
}

export interface JsonError {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
  /** Frames of the user's own code, nearest first. */
  readonly stack: readonly string[];
  readonly cause?: JsonError;
}

const MAX_CAUSES = 8;

/** The report as one line of JSON. */
export function formatJsonReport(state: State, progress: Progress, now: number): string {
  const tasks = [...progress.tasks];
  const report: JsonReport = {
    state: state.name,
    message: state.message,
    result: state.result,
    error: state.error && jsonError(state.error, MAX_CAUSES),
    counts: { ...sumOf(tasks), tasks },
    timings: {
      elapsedMs: progress.elapsedMs(now),
      tasksPerSecond: progress.tasksPerSecond,
      clusterBootMs: progress.cluster?.bootMs,
      clusterTeardownMs: progress.cluster?.teardownMs,
    },
  };
  try {
    return JSON.stringify(report, jsonValue);
  } catch (error) {
    const message = `The result is not JSON: ${(error as Error).message}`;
    return JSON.stringify({ ...report, result: undefined, message });
  }
}

function sumOf(tasks: readonly TaskProgress[]): Omit<TaskProgress, "name"> {
  const sum = noTasks();
  for (const task of tasks) {
    for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += task[key];
  }
  return sum;
}

function jsonError(error: Error, depth: number): JsonError {
  const { code } = error as { code?: unknown };
  return {
    name: error instanceof RemoteTaskError ? error.remoteName : error.name,
    ...(typeof code === "string" && { code }),
    message: error.message,
    stack: userFrames(error),
    ...(error.cause instanceof Error && depth > 1 && { cause: jsonError(error.cause, depth - 1) }),
  };
}

/** For `JSON.stringify`: what it cannot say by itself. */
export function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Map || value instanceof Set) return [...value];
  return value;
}
