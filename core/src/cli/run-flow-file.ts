import type { BundleUnit } from "../code/code-unit.ts";
import { loadFlowFile } from "../code/load-flow-file.ts";
import type { LogLevel, MusterEvent } from "../events/event.ts";
import { Progress } from "../events/progress.ts";
import type { State } from "../flow/index.ts";
import { onInterrupt } from "../flow/interrupts.ts";
import { colorsFor } from "./colors.ts";
import { EventsFile } from "./events-file.ts";
import { exitCodeOf } from "./exit-code.ts";
import { type AnyFlow, parseFlowAddress, selectFlow } from "./flow-file.ts";
import { formatJsonReport } from "./json-report.ts";
import { formatOutcome } from "./outcome.ts";
import { PlainProgress } from "./plain-progress.ts";
import type { ProgressPrinter } from "./progress-printer.ts";
import { redirectStdout } from "./redirect-stdout.ts";
import { TerminalProgress } from "./terminal-progress.ts";
import { useWorkers } from "./use-workers.ts";

export interface RunFlowFileOptions {
  readonly parameter?: ReadonlyMap<string, unknown>;
  readonly image?: string;
  readonly workers?: number;
  readonly logLevel: LogLevel;
  /** Print the outcome as JSON on stdout, and everything else on stderr. */
  readonly json?: boolean;
  /** File for the events. */
  readonly events?: string;
}

/** Width of a line where there is no terminal. */
const PLAIN_COLUMNS = 120;

/**
 * Runs the flow of a file, shows how it goes, and says how it ended.
 *
 * @param text `flows/a.ts` or `flows/a.ts#nightly`
 * @returns the exit code
 * @throws UsageError when the file, its flow, or an option is not usable
 */
export async function runFlowFile(text: string, options: RunFlowFileOptions): Promise<number> {
  const address = parseFlowAddress(text);
  using eventsFile = options.events === undefined ? undefined : new EventsFile(options.events);
  const live = canDrawInPlace();
  const writeToStdout = options.json ? redirectStdout() : undefined;

  const { namespace, unit } = await loadFlowFile(address.file);
  const flow = selectFlow(namespace, address);
  if (options.workers !== undefined) useWorkers(flow, options.workers);

  const progress = new Progress();
  const readers = [progress, ...(eventsFile ? [eventsFile] : [])];
  const state = await runShown(flow, { options, unit, progress, readers, live });

  const { stderr } = process;
  const view = { now: Date.now(), colors: colorsFor(stderr), columns: stderr.columns ?? PLAIN_COLUMNS };
  console.error(
    formatOutcome(
      { flowName: flow.name, state, failedTasks: state.taskStates?.failed ?? [], progress },
      view,
    ),
  );
  writeToStdout?.(`${formatJsonReport(state, progress, view.now)}\n`);
  return exitCodeOf(state.name);
}

interface Show {
  readonly options: RunFlowFileOptions;
  /** What the flow was imported from. */
  readonly unit: BundleUnit;
  readonly progress: Progress;
  /** What else reads the events, before they are shown. */
  readonly readers: readonly { record(event: MusterEvent): void }[];
  /** Draw in place, not line by line. */
  readonly live: boolean;
}

async function runShown(flow: AnyFlow, show: Show): Promise<State> {
  const { options, readers, unit } = show;
  using printer = createPrinter(show);
  tellHowToForce();
  return await flow.run({
    parameters: Object.fromEntries(options.parameter ?? []),
    context: { image: options.image },
    logLevel: options.logLevel,
    unit,
    onEvent: (event) => {
      for (const reader of readers) reader.record(event);
      printer.record(event);
    },
  });
}

/**
 * Says after a first Ctrl-C that it was heard, and what a second one does. Listens as long as the command lives, which
 * ends with an exit code of its own.
 */
function tellHowToForce(): void {
  onInterrupt((_signal, count) => {
    if (count === 1) console.error("Cancelling: running tasks may clean up. Ctrl-C again ends them at once.");
  });
}

function createPrinter({ progress, options, live }: Show): ProgressPrinter {
  const { stdout, stderr } = process;
  const common = { progress, logLevel: options.logLevel, colors: colorsFor(stderr) };
  return live
    ? new TerminalProgress({ ...common, stream: stderr, streams: [stdout, stderr] })
    : new PlainProgress({ ...common, writeLine: (line) => stderr.write(`${line}\n`) });
}

function canDrawInPlace(): boolean {
  return process.stdout.isTTY && process.stderr.isTTY && process.env["TERM"] !== "dumb";
}
