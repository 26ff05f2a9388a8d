export { checkOptionNames } from "../base/check-options.ts";
export type { AdaptOptions } from "./adapt-options.ts";
export { AsyncQueue } from "./async-queue.ts";
export { parseBytes } from "./bytes.ts";
export { Cluster } from "./cluster.ts";
export { ClusterClassError, type MakeCluster, resolveClusterClass } from "./cluster-class.ts";
export type { ClusterOptions } from "./cluster-options.ts";
export type {
  ClusterClass,
  ClusterConstructor,
  ClusterFactory,
  ClusterRegistry,
  KwargsOf,
} from "./cluster-registry.ts";
export type {
  CloseReport,
  ClusterCapacity,
  ClusterHappening,
  ClusterSession,
  Leftover,
  WorkerStatus,
} from "./cluster-session.ts";
export { ClusterStartError } from "./cluster-start-error.ts";
export {
  type CollectOptions,
  collectGarbage,
  type GarbageReport,
  type Lease,
  type LeaseKeeper,
  listLeases,
  type Renewal,
} from "./leases.ts";
export { LineLog } from "./line-log.ts";
export { LineSplitter } from "./line-splitter.ts";
export type {
  EngineEndpoint,
  HubAddress,
  LaunchResult,
  OpenInfo,
  RunInfo,
  WorkerId,
  WorkerObservation,
  WorkerPhase,
  WorkerProvider,
  WorkerSpec,
} from "./provider.ts";
export { type StartedWorker, StartedWorkers } from "./started-workers.ts";
export type { WaitForWorkersOptions } from "./waiting.ts";
export { readWorkerEnv, splitSecrets, type WorkerSettings, workerEnv, workerMark } from "./worker-env.ts";
export type { Demand, WorkerDeath, WorkerLink, WorkerLinkEvent } from "./worker-link.ts";
export type { WorkerState } from "./worker-state.ts";
