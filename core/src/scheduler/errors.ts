import { brand, MusterError } from "../base/errors.ts";
import type { WorkerDeath } from "../contracts/worker-link.ts";

/** A task took longer than its `timeout`. */
export class TaskTimeoutError extends MusterError {
  readonly taskName: string;
  readonly timeoutMs: number;

  /** @param cause why it was not ended in time, if it was not */
  constructor(taskName: string, timeoutMs: number, cause?: Error) {
    const end = cause === undefined ? " and was ended" : `, and could not be ended: ${cause.message}`;
    const message = `Task "${taskName}" took longer than its timeout of ${timeoutMs} ms${end.replace(/\.$/, "")}.`;
    super("TASK_TIMEOUT", message, cause === undefined ? undefined : { cause });
    this.taskName = taskName;
    this.timeoutMs = timeoutMs;
  }

  static {
    brand(TaskTimeoutError, "TaskTimeoutError");
  }
}

/** A task that did not succeed, and why. */
export interface Failure {
  /** Of the task. */
  readonly name: string;
  readonly error: Error | undefined;
}

/** Why all tasks of a run are cancelled. */
export interface CancelReason {
  readonly reason: string;
  /** The task for whose failure the others are cancelled. */
  readonly failed?: Failure | undefined;
}

/** A task did not run, or was ended, because it was cancelled; when another's failure is why, its error is the `cause`. */
export class TaskCancelledError extends MusterError {
  readonly taskName: string;
  /** The task that failed, if that is why. */
  readonly upstream: string | undefined;

  constructor(taskName: string, { reason, failed }: CancelReason) {
    super(
      "TASK_CANCELLED",
      `Task "${taskName}" was cancelled: ${reason}`,
      failed?.error && { cause: failed.error },
    );
    this.taskName = taskName;
    this.upstream = failed?.name;
  }

  static {
    brand(TaskCancelledError, "TaskCancelledError");
  }
}

/** A task did not run, because one that it depends on did not succeed; that one's error is the `cause`. */
export class UpstreamFailedError extends MusterError {
  readonly taskName: string;
  /** The task that it depends on. */
  readonly upstream: string;

  constructor(taskName: string, upstream: string, cause: Error | undefined) {
    super("UPSTREAM_FAILED", `Task "${taskName}" did not run, since "${upstream}" did not succeed.`, {
      cause,
    });
    this.taskName = taskName;
    this.upstream = upstream;
  }

  static {
    brand(UpstreamFailedError, "UpstreamFailedError");
  }
}

/** What really failed, where a task did not run, or was cancelled, for another's failure, and that one for another's … */
export function rootFailure(failure: Failure): Failure {
  let { name, error } = failure;
  while (error instanceof UpstreamFailedError || error instanceof TaskCancelledError) {
    if (!(error.cause instanceof Error)) break;
    name = error.upstream ?? name;
    error = error.cause;
  }
  return { name, error };
}

/** The worker of a task was lost, and so were those of its next attempts. */
export class WorkerLostError extends MusterError {
  readonly taskName: string;
  readonly worker: string;
  readonly attempts: number;
  readonly reason: string;
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly outOfMemory: boolean;
  /** The last lines that the worker printed, oldest first. */
  readonly lastLines: readonly string[];

  constructor(
    task: { name: string; attempts: number },
    worker: string,
    death: WorkerDeath,
    what = `was lost with worker ${worker} in attempt ${task.attempts}`,
  ) {
    const tail =
      death.lastLines.length === 0 ? "" : ` Its last lines:\n${death.lastLines.slice(-10).join("\n")}`;
    super("WORKER_LOST", `Task "${task.name}" ${what}: ${death.reason}.${tail}`);
    this.taskName = task.name;
    this.worker = worker;
    this.attempts = task.attempts;
    this.reason = death.reason;
    this.exitCode = death.exitCode;
    this.signal = death.signal;
    this.outOfMemory = death.outOfMemory ?? false;
    this.lastLines = death.lastLines;
  }

  static {
    brand(WorkerLostError, "WorkerLostError");
  }
}

/** Tasks of this function, or the loading of its code, ended so many workers in a row that no more are given to it. */
export class DeadlyTaskError extends WorkerLostError {
  /** In a row, with no success in between. */
  readonly losses: number;

  constructor(
    task: { name: string; attempts: number },
    worker: string,
    cause: { during: "running" | "loading"; losses: number; death: WorkerDeath },
  ) {
    const { during, losses, death } = cause;
    const why =
      during === "running"
        ? `its tasks were lost ${losses} times in a row and none succeeded`
        : `${losses} times in a row what was to run it ended while its code was loaded`;
    super(task, worker, death, `is given up, since ${why}, the last time on worker ${worker}`);
    this.losses = losses;
  }

  static {
    brand(DeadlyTaskError, "DeadlyTaskError");
  }
}
