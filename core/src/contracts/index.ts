export type {
  ClusterEvent,
  FlowEvent,
  LogEvent,
  LogLevel,
  MusterEvent,
  ScalingEvent,
  StateName,
  TaskEvent,
  WorkerEvent,
} from "./event.ts";
export type { Lease, LeaseKeeper, Renewal } from "./leases.ts";
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
export { readWorkerEnv, splitSecrets, type WorkerSettings, workerEnv, workerMark } from "./worker-env.ts";
export { WorkerExitCode } from "./worker-exit-code.ts";
export { workerFile } from "./worker-file.ts";
export type { Demand, WorkerDeath, WorkerLink, WorkerLinkEvent } from "./worker-link.ts";
