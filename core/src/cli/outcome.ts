import { inspect } from "node:util";
import type { Progress } from "../events/progress.ts";
import type { State } from "../flow/index.ts";
import type { Colors } from "./colors.ts";
import { describeError } from "./describe-error.ts";
import type { FailedTasks } from "./failed-tasks.ts";
import { formatCount } from "./format.ts";
import { formatSummary } from "./summary.ts";
import { cutText, printable } from "./text-width.ts";

export interface Outcome {
  readonly flowName: string;
  readonly state: State;
  readonly progress: Progress;
  readonly failedTasks: FailedTasks;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly colors: Colors;
  /** Width of the terminal: the result is cut to it. */
  readonly columns: number;
}

/** How a run ended, for a person: the state, what failed and where in their code, and the numbers. */
export function formatOutcome(outcome: Outcome): string {
  const { state, flowName, progress, now, colors } = outcome;
  const paint = state.isSuccess() ? colors.green : state.name === "Cancelled" ? colors.yellow : colors.red;
  const lines = [`${paint(colors.bold(state.name))} ${flowName}`];
  if (state.isSuccess()) lines.push(...resultLines(outcome));
  else lines.push(...failureLines(outcome));
  lines.push(colors.dim(formatSummary(progress, now)));
  return lines.join("\n");
}

/** One line: enough to see that it is the right thing. Who wants all of it has `--json`. */
function resultLines({ state, columns }: Outcome): string[] {
  if (state.result === undefined) return [];
  const text = inspect(state.result, {
    depth: 2,
    breakLength: Infinity,
    maxArrayLength: 20,
    maxStringLength: 1000,
  });
  return [cutText(printable(`result: ${text}`), columns)];
}

function failureLines({ state, failedTasks, colors }: Outcome): string[] {
  const lines: string[] = [];
  for (const { name, message, count } of failedTasks.kinds) {
    const times = count > 1 ? ` (${formatCount(count)} times)` : "";
    lines.push(`${colors.bold(printable(name))} failed${times}: ${message}`);
  }
  if (failedTasks.others > 0) lines.push(`… and ${formatCount(failedTasks.others)} more task failures`);
  if (state.error !== undefined) lines.push(...describeError(state.error));
  else if (state.message !== "") lines.push(state.message);
  return lines;
}
