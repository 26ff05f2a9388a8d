import type { LogLevel, MusterEvent } from "../contracts/event.ts";
import { colorsFor } from "./colors.ts";
import { formatLogLine, isLogged } from "./log-line.ts";

/** Prints the log lines of a run on stderr: what a program shows of its runs unless it says otherwise. */
export function logPrinter(logLevel: LogLevel): (event: MusterEvent) => void {
  const { stderr } = process;
  return (event) => {
    if (event.type === "log" && isLogged(event.level, logLevel))
      stderr.write(`${formatLogLine(event, colorsFor(stderr))}\n`);
  };
}
