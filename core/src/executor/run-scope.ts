import type { Ids } from "../base/ids.ts";
import type { LogLevel } from "../contracts/event.ts";
import { flatten } from "../wire/blob-format.ts";
import type { RunMessage } from "../wire/protocol.ts";
import { encodeValue } from "../wire/values.ts";
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

/** The same, as workers are told. */
export function runMessage(run: RunFacts, ids: Ids): RunMessage {
  const { parameters, ...scope } = runScope(run, ids);
  return { ...scope, parameters: encodeParameters(parameters) };
}

/** Tasks see the parameters in `context`; ones that cannot travel, such as futures of an outer flow, are the flow's alone. */
function encodeParameters(parameters: unknown): Uint8Array | undefined {
  if (parameters === undefined) return undefined;
  try {
    return flatten(encodeValue(parameters, { what: "the flow's parameters" }));
  } catch {
    return undefined;
  }
}
