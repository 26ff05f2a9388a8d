export type { ClientOptions, PoolClientOptions } from "./client-options.ts";
export type { Executor, RunFacts } from "./executor.ts";
export { LocalExecutor } from "./local-executor.ts";
export { LocalPoolExecutor, type LocalPoolOptions } from "./local-pool-executor.ts";
export { RunningExecutor } from "./running-executor.ts";
export {
  TemporaryClusterExecutor,
  type TemporaryClusterOptions,
} from "./temporary-cluster-executor.ts";
