import type { Ids } from "../base/ids.ts";
import type { LogLevel } from "../events/event.ts";
import type { RunFacts } from "./executor.ts";

/** A run's facts with nothing left open: what `context` shows in its tasks. */
export interface RunIdentity {
  readonly flowRunId: string;
  readonly flowName: string;
  readonly image: string | undefined;
  readonly parameters: unknown;
  readonly logLevel: LogLevel;
}

export function runScope(run: RunFacts, ids: Ids): RunIdentity {
  return {
    flowRunId: run.runId ?? ids.next("run"),
    flowName: run.flowName ?? "executor",
    image: run.image,
    parameters: run.parameters,
    logLevel: run.logLevel ?? "info",
  };
}
