import type { BundleUnit, CallSite } from "../contracts/code-unit.ts";
import type { LogLevel } from "../contracts/event.ts";
import type { EventLog } from "../events/event-log.ts";
import type { RunningExecutor } from "./running-executor.ts";

/** What an executor may know of the flow run that it serves. Without one, it serves whoever started it. */
export interface RunFacts {
  readonly runId?: string;
  readonly flowName?: string;
  readonly image?: string | undefined;
  readonly parameters?: unknown;
  readonly logLevel?: LogLevel;
  /** Where it is told what happens. @default a log of its own */
  readonly events?: EventLog;
  /** Without `events`: prints log lines on stderr. @default true */
  readonly log?: boolean;
  /** Ends the start early. */
  readonly signal?: AbortSignal | undefined;
  /** Ends all tasks once one failed for good. */
  readonly failFast?: boolean;
  /** @internal */
  readonly flowSite?: CallSite | undefined;
  /** @internal */
  readonly unit?: BundleUnit | undefined;
}

/**
 * Where the tasks of a flow run. An executor is a description, which any number of runs may use at once; what `start`
 * gives is one of them, and has to be closed.
 *
 * @example
 * await using running = await executor.start();
 * const sum = running.submit((a, b) => a + b, [1, 2]);
 * console.log(await running.wait([sum]));
 */
export interface Executor {
  /** For messages: `"LocalExecutor"`. */
  readonly name: string;
  /** The least important log lines that it wants to be heard, whatever its run says. @default what the run says */
  readonly logLevel?: LogLevel | undefined;
  start(run?: RunFacts): Promise<RunningExecutor>;
}
