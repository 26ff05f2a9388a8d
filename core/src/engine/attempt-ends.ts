import { MusterError } from "../base/errors.ts";
import { isBefore } from "../base/round-numbers.ts";
import type { Loss, TaskReport } from "../contracts/engine.ts";
import type { WorkerDeath } from "../contracts/worker-link.ts";
import type { LaneEndedMessage } from "../wire/protocol.ts";
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
    loss: undefined,
  };
}

/**
 * What became of the attempts at a worker that is gone: all are lost, whether or not they had begun.
 * @param entries in the order in which they were sent
 * @param number which loss it is
 */
export function endsWithWorker(
  entries: readonly InFlight[],
  death: WorkerDeath,
  number: number,
): TaskReport[] {
  const hasBegun = ({ started }: InFlight): boolean => started;
  const loading = loadingAmong(entries, hasBegun);
  // One that was only seen to run may have ended since, and others begun behind it, before anything of that was told.
  const free = freePlaces(entries, ({ announced }) => announced);
  return entries.map((entry) => {
    const started = entry.started || (free.get(entry.lane)! > 0 && mayHaveBegun(entry) && "perhaps");
    const during = entry.started ? "running" : loading.has(entry) ? "loading" : undefined;
    const loss = lossOf(entry, during, { ofThread: false, death, number });
    return { ...endOf(entry, "lost"), started, death, loss };
  });
}

function lossOf(
  entry: InFlight,
  during: Loss["during"] | undefined,
  facts: Pick<Loss, "ofThread" | "death" | "number">,
): Loss | undefined {
  return during && { during, before: entry.lossesBefore, ...facts };
}

/** Short tasks are not announced, on a lane that has run their like. One that was lost before is. */
function mayHaveBegun({ task, attempt, lane }: InFlight): boolean {
  return attempt === 1 && !task.fn.onlyOnce && lane.begun.has(task.fn);
}

/** How many more could run on each lane. */
function freePlaces(
  entries: readonly InFlight[],
  hasBegun: (entry: InFlight) => boolean,
): Map<LaneState, number> {
  const free = new Map<LaneState, number>();
  for (const entry of entries) {
    const left = free.get(entry.lane) ?? entry.lane.concurrency;
    free.set(entry.lane, hasBegun(entry) ? left - 1 : left);
  }
  return free;
}

/** Those that were next on their lanes, and waited there for their code: nothing of it has run there. */
function loadingAmong(
  entries: readonly InFlight[],
  hasBegun: (entry: InFlight) => boolean,
): ReadonlySet<InFlight> {
  const free = freePlaces(entries, hasBegun);
  const loading = new Set<InFlight>();
  for (const entry of entries) {
    const { lane, task } = entry;
    const left = free.get(lane)!;
    if (hasBegun(entry) || left <= 0) continue;
    const isLoaded = lane.begun.has(task.fn);
    if (!isLoaded) loading.add(entry);
    // Behind one that may run there, nothing is known to be next.
    free.set(lane, isLoaded ? 0 : left - 1);
  }
  return loading;
}

/**
 * What became of the attempts at a lane whose thread has ended: what was told to end has; what else had begun is lost,
 * and so is what waited for its code; what had not begun waits for another thread, unless none can be had.
 * @param entries in the order in which they were sent
 * @param number which loss it is
 */
export function endsWithLane(
  entries: readonly InFlight[],
  { next, ended, death: { reason, outOfMemory, deliberate }, unusable }: LaneEndedMessage,
  number: number,
): { readonly reports: TaskReport[]; readonly waiting: InFlight[] } {
  const death: WorkerDeath = { reason, outOfMemory, deliberate, lastLines: [] };
  const told = new Map<string, Kind>();
  for (let index = 0; index + 2 < ended.length; index += 3) {
    told.set(`${ended[index]} ${ended[index + 1]}`, reportKind(ended[index + 2]!));
  }
  const hasBegun = (entry: InFlight): boolean => isBefore(entry.number, next);
  for (const entry of entries) if (hasBegun(entry)) entry.lane.begun.add(entry.task.fn);
  // A thread that was ended for another task's sake was not ended by what waited there.
  const loading = deliberate ? NONE : loadingAmong(entries, hasBegun);
  const reports: TaskReport[] = [];
  const waiting: InFlight[] = [];
  for (const entry of entries) {
    const started = hasBegun(entry);
    const during = started ? "running" : loading.has(entry) ? "loading" : undefined;
    const loss = lossOf(entry, during, { ofThread: true, death, number });
    const kind = told.get(`${entry.task.id} ${entry.attempt}`);
    if (kind !== undefined) reports.push(endOf(entry, kind));
    else if (!started && unusable !== undefined)
      reports.push({ ...endOf(entry, "failure"), error: new MusterError("CODE", unusable), loss });
    else if (during === undefined) waiting.push(entry);
    else reports.push({ ...endOf(entry, "lost"), started, death, loss });
  }
  return { reports, waiting };
}

const NONE: ReadonlySet<InFlight> = new Set();
