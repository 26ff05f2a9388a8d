export type { Executor, RunFacts } from "./executor.ts";
export { LocalExecutor } from "./local-executor.ts";
export { LocalPoolExecutor, type LocalPoolOptions } from "./local-pool-executor.ts";
export { RunningExecutor } from "./running-executor.ts";
export {
  type ClientOptions,
  TemporaryClusterExecutor,
  type TemporaryClusterOptions,
} from "./temporary-cluster-executor.ts";
