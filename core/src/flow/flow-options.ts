import { checkBoolean, checkOptionNames, checkText, type OptionNames } from "../base/check-options.ts";
import { InvalidOptionError } from "../base/errors.ts";
import type { LogLevel } from "../contracts/event.ts";
import type { Executor } from "../executor/executor.ts";
import type { FlowOptions, RunOptions } from "./flow.ts";

const FLOW_OPTIONS: OptionNames<FlowOptions> = {
  name: true,
  executor: true,
  failFast: true,
  terminalStateHandler: true,
};

const RUN_OPTIONS: OptionNames<RunOptions<unknown>> = {
  parameters: true,
  context: true,
  signal: true,
  handleSignals: true,
  onEvent: true,
  log: true,
  logLevel: true,
  unit: true,
};

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** @throws InvalidOptionError */
export function checkFlowOptions<P, R>(options: FlowOptions<P, R>, name: string): void {
  const where = `Flow "${name}"`;
  checkOptionNames(options, FLOW_OPTIONS, { where });
  const { executor, failFast, terminalStateHandler } = options;
  checkBoolean(failFast, false, "failFast");
  if (executor !== undefined) checkExecutor(executor, name);
  if (terminalStateHandler !== undefined && typeof terminalStateHandler !== "function")
    throw new InvalidOptionError("terminalStateHandler", `${where}: terminalStateHandler is no function.`);
}

/** @throws InvalidOptionError */
export function checkExecutor(executor: Executor, name: string): void {
  if (typeof executor?.start === "function") return;
  const hint = typeof executor === "function" ? " It is a class: make one with `new`." : "";
  throw new InvalidOptionError("executor", `Flow "${name}": executor is no executor.${hint}`);
}

/** @throws InvalidOptionError */
export function checkRunOptions<P>(options: RunOptions<P>, name: string): void {
  const where = `Flow "${name}".run()`;
  checkOptionNames(options, RUN_OPTIONS, { where });
  checkBoolean(options.handleSignals, true, "handleSignals");
  checkBoolean(options.log, true, "log");
  checkText(options.context?.image, "context.image");
  const { context = {}, logLevel = "info", onEvent, signal } = options;
  checkOptionNames(context, ["image"], { where: `${where}: context`, path: "context" });
  const refuse = (option: string, wanted: string): never => {
    throw new InvalidOptionError(option, `${where}: ${option} must be ${wanted}.`);
  };
  if (!LOG_LEVELS.includes(logLevel)) refuse("logLevel", `one of ${LOG_LEVELS.join(", ")}`);
  if (onEvent !== undefined && typeof onEvent !== "function") refuse("onEvent", "a function");
  if (signal !== undefined && typeof signal?.addEventListener !== "function")
    refuse("signal", "an AbortSignal");
}
