/**
 * TypeScript flows on clusters that exist only as long as the flow runs.
 * @module
 */
export { atExit } from "./base/at-exit.ts";
export { checkOptionNames } from "./base/check-options.ts";
export { type Clock, SimulatedClock, systemClock, type Timer } from "./base/clock.ts";
export {
  type Ancestor,
  endDescendants,
  endDescendantsSoon,
  killGroup,
  type Mark,
} from "./base/descendants.ts";
export {
  DeadlineError,
  InvalidOptionError,
  MusterError,
  type MusterErrorCode,
  NotSerializableError,
} from "./base/errors.ts";
export { fateOf, type ProcessFate, processIdentity } from "./base/process-identity.ts";
export {
  type RunningProgram,
  StartProgramError,
  type StartProgramOptions,
  startProgram,
} from "./base/start-program.ts";
export { delay, type WaitOptions, withDeadline } from "./base/wait.ts";
export { withoutCredentials } from "./base/without-credentials.ts";
export { Reporter, type ReporterOptions } from "./cli/reporter.ts";
export * from "./cluster/index.ts";
export * from "./contracts/index.ts";
export { EventLog } from "./events/event-log.ts";
export * from "./executor/index.ts";
export * from "./flow/index.ts";
export {
  DeadlyTaskError,
  TaskCancelledError,
  TaskTimeoutError,
  UpstreamFailedError,
  WorkerLostError,
} from "./scheduler/errors.ts";
export { type ExponentialOptions, exponential, type RetryDelay } from "./scheduler/retry.ts";
export { RemoteTaskError } from "./wire/errors.ts";
