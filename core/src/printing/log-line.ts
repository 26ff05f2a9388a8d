import { inspect } from "node:util";
import type { LogEvent, LogLevel } from "../contracts/event.ts";
import type { Colors } from "./colors.ts";
import { formatTime } from "./format.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const satisfies readonly LogLevel[];

export function isLogged(level: LogLevel, threshold: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold);
}

/** `09:03:07 info  count-words#17 (attempt 1, w-2): hello { n: 1 }`. */
export function formatLogLine(event: LogEvent, colors: Colors): string {
  const level = levelPaint(event.level, colors)(event.level.padEnd(5));
  const source = sourceOf(event);
  const data = event.data === undefined ? "" : ` ${inspect(event.data, { breakLength: Infinity, depth: 4 })}`;
  return `${colors.dim(formatTime(event.at))} ${level} ${source === "" ? "" : colors.dim(`${source}: `)}${event.message}${data}`;
}

function sourceOf({ task, taskRun, attempt, worker }: LogEvent): string {
  const taskName = task === undefined ? "" : taskRun === undefined ? task : `${task}#${taskRun}`;
  if (taskName === "") return worker ?? "";
  const facts = [
    ...(attempt === undefined ? [] : [`attempt ${attempt}`]),
    ...(worker === undefined ? [] : [worker]),
  ];
  return facts.length === 0 ? taskName : `${taskName} (${facts.join(", ")})`;
}

function levelPaint(level: LogLevel, colors: Colors): (text: string) => string {
  switch (level) {
    case "debug":
      return colors.dim;
    case "info":
      return colors.cyan;
    case "warn":
      return colors.yellow;
    case "error":
      return colors.red;
  }
}
