import type { Demand } from "../contracts/worker-link.ts";
import type { RunFunction } from "./run-function.ts";
import type { TaskRun } from "./task-run.ts";

/** What there is to do, in numbers, for whoever decides how many workers there should be. */
export function demandOf(
  functions: readonly RunFunction[],
  running: ReadonlySet<TaskRun>,
  at: { readonly now: number; readonly open: boolean },
): Demand {
  let ready = 0;
  let unknown = 0;
  let knownMs = 0;
  for (const { submitted, running: started, expectedMs } of functions) {
    const waiting = submitted - started;
    ready += waiting;
    if (expectedMs === undefined) unknown += waiting;
    else knownMs += waiting * expectedMs;
  }
  let remainingMs = 0;
  for (const { fn, runningSince } of running) {
    if (fn.expectedMs !== undefined) remainingMs += Math.max(0, fn.expectedMs - (at.now - runningSince!));
  }
  return { ready, running: running.size, unknown, knownMs, remainingMs, open: at.open };
}
