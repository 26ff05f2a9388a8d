import type { Context, Logger } from "../context/context.ts";
import type { LogLevel } from "../events/event.ts";
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

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** `context` inside a flow's own function. */
export function flowScope(facts: FlowScopeFacts): Context {
  const { logLevel, events, ...rest } = facts;
  const least = LEVELS.indexOf(logLevel);
  const log =
    (level: LogLevel) =>
    (message: string, data?: Readonly<Record<string, unknown>>): void => {
      if (LEVELS.indexOf(level) < least) return;
      events.emit({ type: "log", at: Date.now(), level, message, ...(data === undefined ? {} : { data }) });
    };
  const logger = Object.fromEntries(LEVELS.map((level) => [level, log(level)])) as unknown as Logger;
  return { ...rest, logger, taskName: undefined, taskRunId: undefined, attempt: undefined };
}
