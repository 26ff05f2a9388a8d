import { loadFlowFile } from "../code/load-flow-file.ts";
import type { LogLevel } from "../contracts/event.ts";
import { onInterrupt } from "../flow/interrupts.ts";
import { guardOutput } from "../flow/output-guard.ts";
import { EventsFile } from "./events-file.ts";
import { exitCodeOf } from "./exit-code.ts";
import { parseFlowAddress, selectFlow } from "./flow-file.ts";
import { formatResult } from "./print-result.ts";
import { redirectStdout } from "./redirect-stdout.ts";
import { Reporter } from "./reporter.ts";
import { UsageError } from "./usage-error.ts";
import { usePool, useWorkers } from "./use-workers.ts";

export interface RunFlowFileOptions {
  readonly parameter?: ReadonlyMap<string, unknown>;
  readonly image?: string;
  readonly workers?: number;
  /** Of the server of a pool. */
  readonly address?: string;
  readonly pool?: string;
  readonly logLevel: LogLevel;
  /** Print the outcome as JSON on stdout, and everything else on stderr. */
  readonly json?: boolean;
  /** File for the events. */
  readonly events?: string;
}

/**
 * Runs the flow of a file, shows how it goes, and says how it ended.
 *
 * @param text `flows/a.ts` or `flows/a.ts#nightly`
 * @returns the exit code
 * @throws UsageError when the file, its flow, or an option is not usable
 */
export async function runFlowFile(text: string, options: RunFlowFileOptions): Promise<number> {
  const address = parseFlowAddress(text);
  // As long as this command lives: `| head -1` is no reason to fail.
  guardOutput();
  using eventsFile = options.events === undefined ? undefined : new EventsFile(options.events);
  // Whatever reads it gets all of the result; a person sees that it is the right thing.
  const isRead = !options.json && !process.stdout.isTTY;
  const write = options.json ? redirectStdout() : undefined;

  const { namespace, unit } = await loadFlowFile(address.file);
  const flow = selectFlow(namespace, address);
  if (options.pool !== undefined && options.address === undefined)
    throw new UsageError("--pool is the name of a pool, and needs the --address of its server.");
  if (options.address !== undefined) usePool(flow, options.address, options.pool);
  if (options.workers !== undefined) useWorkers(flow, options.workers);

  using reporter = new Reporter({
    ...(write && { kind: "json", write }),
    logLevel: options.logLevel,
    showResult: !isRead,
  });
  tellHowToForce();
  const state = await flow.run({
    parameters: Object.fromEntries(options.parameter ?? []),
    context: { image: options.image },
    logLevel: options.logLevel,
    unit,
    onEvent: (event) => {
      eventsFile?.record(event);
      reporter.onEvent(event);
    },
  });
  reporter.finish(state);
  if (isRead && state.isSuccess()) process.stdout.write(formatResult(state.result));
  return exitCodeOf(state.name);
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
