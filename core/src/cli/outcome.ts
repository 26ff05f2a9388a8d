import { inspect } from "node:util";
import type { Progress } from "../events/progress.ts";
import type { FailedTask, State } from "../flow/index.ts";
import type { Colors } from "../printing/colors.ts";
import { formatCount } from "../printing/format.ts";
import { cutText, printable } from "../printing/text-width.ts";
import { describeError } from "./describe-error.ts";
import { kindsOfFailure } from "./failed-tasks.ts";
import { formatSummary } from "./summary.ts";

export interface Outcome {
  readonly flowName: string;
  readonly state: State;
  readonly failedTasks: readonly FailedTask[];
  readonly progress: Progress;
}

export interface OutcomeView {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly colors: Colors;
  /** `false` where it is printed elsewhere. @default true */
  readonly showResult?: boolean;
  /** Width of the terminal: the result is cut to it. */
  readonly columns: number;
}

/** Different failures that are printed; the rest is counted. */
const MAX_FAILURES = 10;

/** How a run ended, for a person: the state, what failed and where in their code, and the numbers. */
export function formatOutcome(outcome: Outcome, view: OutcomeView): string {
  const { state, flowName, progress } = outcome;
  const { colors, now } = view;
  const paint = state.isSuccess() ? colors.green : state.name === "Cancelled" ? colors.yellow : colors.red;
  return [
    `${paint(colors.bold(state.name))} ${flowName}`,
    ...(state.isSuccess() ? resultLines(state, view) : failureLines(outcome, view)),
    colors.dim(formatSummary(progress, now)),
  ].join("\n");
}

/** One line: enough to see that it is the right thing. Who wants all of it has `--json`. */
function resultLines({ result }: State, { columns, showResult = true }: OutcomeView): string[] {
  if (result === undefined || !showResult) return [];
  const text = inspect(result, {
    depth: 2,
    breakLength: Infinity,
    maxArrayLength: 20,
    maxStringLength: 1000,
  });
  return [cutText(printable(`result: ${text}`), columns)];
}

function failureLines({ state, failedTasks }: Outcome, { colors }: OutcomeView): string[] {
  const kinds = kindsOfFailure(failedTasks);
  const lines = kinds.slice(0, MAX_FAILURES).flatMap(({ name, count, error, ...kind }) => {
    const times = count > 1 ? ` ${formatCount(count)} times` : "";
    const [headline = "", ...rest] = describeError(error);
    return [
      `${colors.bold(`Task ${printable(name)}`)} ${kind.state.toLowerCase()}${times}: ${headline}`,
      ...rest,
    ];
  });
  if (kinds.length > MAX_FAILURES)
    lines.push(`… and ${formatCount(kinds.length - MAX_FAILURES)} more kinds of failure`);

  const isOfTask = failedTasks.some((task) => task.state.error === state.error);
  if (state.name === "Cancelled" || state.error === undefined) lines.push(state.message);
  else if (!isOfTask) lines.push(...describeError(state.error));
  return lines;
}
