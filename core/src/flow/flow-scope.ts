import type { Context } from "../context/context.ts";
import { makeLogger } from "../context/make-logger.ts";
import type { LogLevel } from "../contracts/event.ts";
import type { EventLog } from "../events/event-log.ts";

export interface FlowScopeFacts {
  readonly image: string | undefined;
  readonly flowRunId: string;
  readonly flowName: string;
  readonly parameters: unknown;
  readonly signal: AbortSignal;
  readonly logLevel: LogLevel;
  readonly events: EventLog;
}

/** `context` inside a flow's own function. */
export function flowScope(facts: FlowScopeFacts): Context {
  const { logLevel, events, ...rest } = facts;
  const logger = makeLogger(logLevel, (line) => events.emit({ type: "log", at: Date.now(), ...line }));
  return { ...rest, logger, taskName: undefined, taskRunId: undefined, attempt: undefined };
}
