import { MusterError, toError } from "../base/errors.ts";
import type { TaskReport } from "../contracts/engine.ts";
import type { StateName } from "../contracts/event.ts";
import type { WorkerDeath } from "../contracts/worker-link.ts";
import { type CancelReason, TaskCancelledError, TaskTimeoutError, WorkerLostError } from "./errors.ts";
import { delayBeforeRetry } from "./retry.ts";
import type { TaskRun } from "./task-run.ts";

/** What becomes of a task after an attempt that gave no value. */
export type Verdict =
  | { readonly next: "end"; readonly state: StateName; readonly error: Error }
  | { readonly next: "retry"; readonly error: Error; readonly delayMs: number }
  /** As if it had never been tried. */
  | { readonly next: "again" };

const UNKNOWN_DEATH: WorkerDeath = { reason: "its worker is gone", lastLines: [] };

/**
 * Decides what an attempt that gave no value means. An attempt that failed costs one of the user's retries; one that
 * was lost with its worker costs one of the losses that a task may have, unless it had not started, or its worker was
 * ended for another task's sake.
 * @param cancelled why all tasks are cancelled, if they are: then none is tried again
 */
export function judge(run: TaskRun, report: TaskReport, cancelled: CancelReason | undefined): Verdict {
  switch (report.kind) {
    case "failure":
      return afterFailure(run, report.error!, cancelled);
    case "timeout":
      return afterFailure(
        run,
        new TaskTimeoutError(run.fn.name, run.fn.timeoutMs ?? 0, report.error),
        cancelled,
      );
    case "lost":
      return cancelled === undefined ? afterLoss(run, report) : ended(run, cancelled);
    case "cancelled":
      return ended(run, cancelled ?? { reason: "it was asked to" });
    case "success":
      throw new MusterError("INTERNAL", `Task "${run.fn.name}" succeeded: there is nothing to decide.`);
  }
}

function ended(run: TaskRun, reason: CancelReason): Verdict {
  return { next: "end", state: "Cancelled", error: new TaskCancelledError(run.fn.name, reason) };
}

function afterFailure(run: TaskRun, error: Error, cancelled: CancelReason | undefined): Verdict {
  if (run.retriesLeft === 0 || cancelled !== undefined) return { next: "end", state: "Failed", error };
  run.retriesLeft--;
  try {
    return { next: "retry", error, delayMs: delayBeforeRetry(run.fn.policy.retryDelay, run.attempt) };
  } catch (cause) {
    const message = `Task "${run.fn.name}" is not tried again, since its retryDelay threw: ${toError(cause).message} (it had failed: ${error.message})`;
    return { next: "end", state: "Failed", error: new MusterError("INVALID_OPTION", message, { cause }) };
  }
}

function afterLoss(run: TaskRun, { started, death = UNKNOWN_DEATH, worker }: TaskReport): Verdict {
  if (started !== true && run.state !== "Running") {
    if (run.lost === "never") run.lost = started === "perhaps" ? "perhaps" : "before";
    return { next: "again" };
  }
  // A task that ends its worker when it is there alone has ended the one before as well, where it was one of many.
  const losses = run.lost === "perhaps" ? 2 : 1;
  if (death.deliberate !== true || run.lost === "never") run.lost = "surely";
  const error = new WorkerLostError({ name: run.fn.name, attempts: run.attempt }, worker, death);
  if (death.deliberate !== true) {
    if (run.lossesLeft < losses) return { next: "end", state: "Crashed", error };
    run.lossesLeft -= losses;
  }
  return { next: "retry", error, delayMs: 0 };
}
