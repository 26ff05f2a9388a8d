import { inspect } from "node:util";
import type { LogLevel } from "../contracts/event.ts";
import type { Logger } from "./context.ts";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** What a logger was told. */
export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/**
 * A logger that hands on lines from `least` on. Whatever it is given becomes text and a record of what can travel: a
 * log line must never cost the work that it tells of.
 */
export function makeLogger(least: LogLevel, write: (line: LogLine) => void): Logger {
  const log = (level: LogLevel) => (message: unknown, data?: unknown) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
    const text = typeof message === "string" ? message : inspect(message);
    write({ level, message: text, ...(data === undefined ? {} : { data: asRecord(data) }) });
  };
  return Object.fromEntries(LEVELS.map((level) => [level, log(level)])) as unknown as Logger;
}

/** Plain JSON values stay as they are; all else is shown as text. */
function asRecord(data: unknown): Record<string, unknown> {
  const isRecord =
    typeof data === "object" && data !== null && !Array.isArray(data) && !(data instanceof Error);
  const record = isRecord ? (data as Record<string, unknown>) : { value: data };
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, asJson(value)]));
}

function asJson(value: unknown): unknown {
  if (value instanceof Error) return inspect(value);
  try {
    const text = JSON.stringify(value);
    return text === undefined ? inspect(value) : JSON.parse(text);
  } catch {
    return inspect(value);
  }
}
