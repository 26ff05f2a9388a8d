import type { LogLevel, MusterEvent } from "../contracts/event.ts";
import { Progress } from "../events/progress.ts";
import type { State } from "../flow/index.ts";
import { colorsFor } from "../printing/colors.ts";
import { PlainProgress } from "../printing/plain-progress.ts";
import type { ProgressPrinter } from "../printing/progress-printer.ts";
import { TerminalProgress } from "../printing/terminal-progress.ts";
import { formatJsonReport } from "./json-report.ts";
import { formatOutcome } from "./outcome.ts";

export interface ReporterOptions {
  /**
   * `"terminal"`: a view that is redrawn in place; `"plain"`: lines, for a log; both on stderr. `"json"`: lines on stderr,
   * and at the end the outcome as one line of JSON on stdout. @default "terminal" where stdout and stderr are one, else "plain"
   */
  readonly kind?: "terminal" | "plain" | "json";
  /** The least important log lines to show. @default "info" */
  readonly logLevel?: LogLevel;
  /** Shows the beginning of the result at the end. @default true */
  readonly showResult?: boolean;
  /** Writes the JSON. @default to stdout */
  readonly write?: (text: string) => void;
}

/** Width of a line where there is no terminal. */
const PLAIN_COLUMNS = 120;

/**
 * Shows one run of a flow as `muster run` does.
 *
 * @example
 * using reporter = new Reporter();
 * const state = await wordCount.run({ onEvent: reporter.onEvent });
 * reporter.finish(state);
 */
export class Reporter implements Disposable {
  readonly #options: ReporterOptions;
  readonly #progress = new Progress();
  readonly #printer: ProgressPrinter;
  #flowName = "";

  constructor(options: ReporterOptions = {}) {
    this.#options = options;
    const { stdout, stderr } = process;
    const canDrawInPlace = stdout.isTTY && stderr.isTTY && process.env["TERM"] !== "dumb";
    const { kind = canDrawInPlace ? "terminal" : "plain", logLevel = "info" } = options;
    const common = { progress: this.#progress, logLevel, colors: colorsFor(stderr) };
    this.#printer =
      kind === "terminal"
        ? new TerminalProgress({ ...common, stream: stderr, streams: [stdout, stderr] })
        : new PlainProgress({ ...common, writeLine: (line) => stderr.write(`${line}\n`) });
  }

  /** For `flow.run({ onEvent })`. */
  readonly onEvent = (event: MusterEvent): void => {
    if (event.type === "flow") this.#flowName = event.flowName;
    this.#progress.record(event);
    this.#printer.record(event);
  };

  /** Shows no more of how the run goes, and says how it ended. */
  finish(state: State): void {
    this[Symbol.dispose]();
    const { stderr } = process;
    const { kind, showResult = true, write = (text) => process.stdout.write(text) } = this.#options;
    const now = Date.now();
    const view = { now, colors: colorsFor(stderr), columns: stderr.columns || PLAIN_COLUMNS, showResult };
    const failedTasks = state.taskStates?.failed ?? [];
    const progress = this.#progress;
    stderr.write(`${formatOutcome({ flowName: this.#flowName, state, failedTasks, progress }, view)}\n`);
    if (kind === "json") write(`${formatJsonReport(state, progress, now)}\n`);
  }

  [Symbol.dispose](): void {
    this.#printer[Symbol.dispose]();
  }
}
