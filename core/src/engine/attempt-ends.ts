import { MusterError } from "../base/errors.ts";
import type { WorkerDeath } from "../cluster/worker-link.ts";
import { isBefore, type LaneEndedMessage } from "../wire/protocol.ts";
import type { TaskReport } from "./engine.ts";
import type { InFlight, LaneState } from "./in-flight.ts";

type Kind = TaskReport["kind"];

const KINDS: readonly Kind[] = ["success", "failure", "timeout", "cancelled", "lost"];

/** @param number a `ReportKind`, or whatever a worker said */
export function reportKind(number: number): Kind {
  return KINDS[number] ?? "lost";
}

/** The end of an attempt that nobody reports but the driver itself. */
export function endOf(entry: InFlight, kind: Kind): TaskReport {
  return {
    task: entry.task,
    attempt: entry.attempt,
    worker: entry.lane.worker.id,
    kind,
    value: undefined,
    error: undefined,
    durationMs: 0,
    started: entry.started,
    death: undefined,
  };
}

function lossOf(entry: InFlight, death: WorkerDeath): TaskReport {
  return { ...endOf(entry, "lost"), death };
}

/** What became of the attempts at a worker that is gone: all are lost, whether or not they had begun. */
export function endsWithWorker(entries: readonly InFlight[], death: WorkerDeath): TaskReport[] {
  const begun = new Map<LaneState, number>();
  for (const { lane, started } of entries) if (started) begun.set(lane, (begun.get(lane) ?? 0) + 1);
  return entries.map((entry) => {
    const isFull = (begun.get(entry.lane) ?? 0) >= entry.lane.concurrency;
    return {
      ...lossOf(entry, death),
      started: entry.started || (!isFull && mayHaveBegun(entry) && "perhaps"),
    };
  });
}

/** Short tasks are not announced, on a lane that has run their like. One that was lost before is. */
function mayHaveBegun({ task, attempt, lane }: InFlight): boolean {
  return attempt === 1 && !task.fn.onlyOnce && lane.reportedAt !== undefined;
}

/**
 * What became of the attempts at a lane whose thread has ended: what was told to end has; what else had begun is lost;
 * what had not waits for another thread, unless none can be had.
 */
export function endsWithLane(
  entries: readonly InFlight[],
  { next, ended, death, unusable }: LaneEndedMessage,
): { readonly reports: TaskReport[]; readonly waiting: InFlight[] } {
  const told = new Map<string, Kind>();
  for (let index = 0; index + 2 < ended.length; index += 3) {
    told.set(`${ended[index]} ${ended[index + 1]}`, reportKind(ended[index + 2]!));
  }
  const reports: TaskReport[] = [];
  const waiting: InFlight[] = [];
  for (const entry of entries) {
    const kind = told.get(`${entry.task.id} ${entry.attempt}`);
    if (kind !== undefined) reports.push(endOf(entry, kind));
    else if (isBefore(entry.number, next))
      reports.push({ ...lossOf(entry, { ...death, lastLines: [] }), started: true });
    else if (unusable === undefined) waiting.push(entry);
    else reports.push({ ...endOf(entry, "failure"), error: new MusterError("CODE", unusable) });
  }
  return { reports, waiting };
}
