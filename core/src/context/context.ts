import { AsyncLocalStorage } from "node:async_hooks";
import type { LogLevel } from "../contracts/event.ts";

/** Writes log lines that carry the flow's or the task's name. `data` must be serialisable. */
export type Logger = Readonly<
  Record<LogLevel, (message: string, data?: Readonly<Record<string, unknown>>) => void>
>;

/** What the code of a flow or a task can know of its run. */
export interface Context {
  /** The image of this run: `--image`, the run's `context` option, or `MUSTER__CONTEXT__IMAGE`. */
  readonly image: string | undefined;
  readonly flowRunId: string | undefined;
  readonly flowName: string | undefined;
  readonly parameters: unknown;
  /** Inside a task: its name. */
  readonly taskName: string | undefined;
  /** Inside a task: its number in the run, and the run's id before it. The same for all attempts. */
  readonly taskRunId: string | undefined;
  /** Inside a task: 1 for the first attempt. */
  readonly attempt: number | undefined;
  /** Fires when the task (or, in a flow, the run) is cancelled or timed out. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** Both copies of this module, if there are two in one thread, share one storage. */
const KEY = Symbol.for("muster.context/1");
const holder = globalThis as { [KEY]?: AsyncLocalStorage<Context> };
holder[KEY] ??= new AsyncLocalStorage<Context>();
export const contextStorage: AsyncLocalStorage<Context> = holder[KEY];

const neverAborted = new AbortController().signal;

function consoleLogger(level: LogLevel) {
  return (message: string, data?: Readonly<Record<string, unknown>>): void => {
    const rest = data === undefined ? "" : ` ${JSON.stringify(data)}`;
    process.stderr.write(`${level} ${message}${rest}\n`);
  };
}

const outsideLogger: Logger = {
  debug: () => {},
  info: consoleLogger("info"),
  warn: consoleLogger("warn"),
  error: consoleLogger("error"),
};

/** What the code that asks is running in: a task, a flow, or neither. */
export const context: Context = {
  get image() {
    return contextStorage.getStore()?.image ?? process.env["MUSTER__CONTEXT__IMAGE"];
  },
  get flowRunId() {
    return contextStorage.getStore()?.flowRunId;
  },
  get flowName() {
    return contextStorage.getStore()?.flowName;
  },
  get parameters() {
    return contextStorage.getStore()?.parameters;
  },
  get taskName() {
    return contextStorage.getStore()?.taskName;
  },
  get taskRunId() {
    return contextStorage.getStore()?.taskRunId;
  },
  get attempt() {
    return contextStorage.getStore()?.attempt;
  },
  get signal() {
    return contextStorage.getStore()?.signal ?? neverAborted;
  },
  get logger() {
    return contextStorage.getStore()?.logger ?? outsideLogger;
  },
};
