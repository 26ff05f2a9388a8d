import { checkText } from "../base/check-options.ts";
import { InvalidOptionError } from "../base/errors.ts";
import { callSite } from "../code/call-site.ts";
import { IMPORT_STOP } from "../code/injected.ts";
import type { BundleUnit, CallSite } from "../contracts/code-unit.ts";
import type { LogLevel, MusterEvent } from "../contracts/event.ts";
import type { Executor } from "../executor/executor.ts";
import { LocalExecutor } from "../executor/local-executor.ts";
import type { Resolved } from "../scheduler/inputs.ts";
import { checkFlowOptions } from "./flow-options.ts";
import { runFlow } from "./run-flow.ts";
import type { State } from "./state.ts";
import type { TaskStates } from "./task-states.ts";

export interface FlowOptions<P = unknown, R = unknown> {
  /** For messages and reports. @default the function's name */
  name?: string;
  /** Where the tasks run. @default new LocalExecutor() */
  executor?: Executor;
  /** Cancels all other tasks once one failed for good. @default false */
  failFast?: boolean;
  /** Called with the final state; what it returns, if it is a state, takes its place. */
  terminalStateHandler?(
    ...args: Parameters<TerminalStateHandler<P, R>>
  ): ReturnType<TerminalStateHandler<P, R>>;
}

export type TerminalStateHandler<P, R> = (
  flow: Flow<P, R>,
  state: State<R>,
  taskStates: TaskStates,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that only looks returns nothing
) => State<R> | void | Promise<State<R> | void>;

export interface RunOptions<P> {
  /** What the flow's function gets, as it is: futures of the flow that runs this one stay futures, for its tasks to take. */
  parameters?: P;
  context?: {
    /** What `context.image` says. @default the environment variable MUSTER__CONTEXT__IMAGE */
    image?: string | undefined;
  };
  /** Cancels the run. */
  signal?: AbortSignal | undefined;
  /**
   * Ctrl-C, SIGTERM and SIGHUP (a closed terminal) cancel the run; a second one ends tasks at once, and the process within
   * two seconds, whatever the flow does. Once the run has ended, the process ends as the signal would have ended it without
   * a run, unless the program has a handler of its own for it. @default true
   */
  handleSignals?: boolean;
  /** Hears everything that happens, as it happens. */
  onEvent?: (event: MusterEvent) => void;
  /**
   * Prints log lines on stderr, with their time, level, task and attempt.
   * @default true, unless `onEvent` hears of them
   */
  log?: boolean;
  /** The least important log lines to hear of. @default "info" */
  logLevel?: LogLevel;
  /** @internal what the driver was imported from, with `muster run` */
  unit?: BundleUnit;
}

/** Marks flows of this and of any other copy of this module. */
const FLOW = Symbol.for("muster.flow/1");

type FlowFunction<P, R> = (parameters: P) => R | Promise<R>;

/** A function that runs tasks. */
export class Flow<P, R> {
  readonly name: string;
  readonly fn: (parameters: P) => unknown;
  /** Where the tasks run; may be set before a run. */
  executor: Executor;
  readonly failFast: boolean;
  readonly terminalStateHandler: TerminalStateHandler<P, R> | undefined;
  /** @internal */
  readonly site: CallSite | undefined;

  /** @internal */
  constructor(fn: (parameters: P) => unknown, options: FlowOptions<P, R>, site: CallSite | undefined) {
    this.name = checkText(options.name, "name") ?? fn.name;
    if (this.name === "")
      throw new InvalidOptionError(
        "name",
        'A flow needs a name: flow("name", …), or a function that has one.',
      );
    checkFlowOptions(options, this.name);
    this.fn = fn;
    this.executor = options.executor ?? new LocalExecutor();
    this.failFast = options.failFast ?? false;
    this.terminalStateHandler = options.terminalStateHandler;
    this.site = site;
  }

  static {
    Object.defineProperty(Flow.prototype, FLOW, { value: true });
  }

  /**
   * Runs the flow, and gives its final state. A task that fails, a worker that is lost and a run that is cancelled
   * are states, not exceptions.
   * @throws InvalidOptionError, as a rejection, for options that make no sense
   */
  run(options: RunOptions<P> = {}): Promise<State<R>> {
    // A worker imports the file for its tasks; a program that runs its flow at the top level stops here.
    const stopImport = (globalThis as { [IMPORT_STOP]?: () => void })[IMPORT_STOP];
    if (stopImport !== undefined) {
      stopImport();
      return new Promise(() => {});
    }
    return runFlow(this, options);
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a flow of any parameters and result
export function isFlow(value: unknown): value is Flow<any, any> {
  return typeof value === "object" && value !== null && FLOW in value;
}

/**
 * Defines a flow: a function that calls tasks, and may return futures or structures of them.
 *
 * @example
 * export default flow("word-count", ({ files }: { files: string[] }) => merge(countWords.map(files)));
 */
export function flow<P, R>(fn: FlowFunction<P, R>): Flow<P, Resolved<Awaited<R>>>;
export function flow<P, R>(
  nameOrOptions: string | FlowOptions<P, Resolved<Awaited<R>>>,
  fn: FlowFunction<P, R>,
): Flow<P, Resolved<Awaited<R>>>;
export function flow<P, R>(
  first: FlowFunction<P, R> | string | FlowOptions<P, Resolved<Awaited<R>>>,
  second?: FlowFunction<P, R>,
): Flow<P, Resolved<Awaited<R>>> {
  const fn = typeof first === "function" ? first : second;
  if (typeof fn !== "function")
    throw new InvalidOptionError("fn", `flow() was given no function, but ${typeof fn}.`);
  const options = typeof first === "string" ? { name: first } : typeof first === "function" ? {} : first;
  return new Flow<P, Resolved<Awaited<R>>>(fn, options, callSite(flow));
}
