export { parseBytes } from "../base/bytes.ts";
export { LineSplitter } from "../base/line-splitter.ts";
export type { AdaptOptions } from "./adapt-options.ts";
export { AsyncQueue } from "./async-queue.ts";
export { BroughtEngine, checkEngineChoice, type EngineChoice } from "./brought-engine.ts";
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
export { type CollectOptions, collectGarbage, type GarbageReport, listLeases } from "./garbage.ts";
export { LineLog } from "./line-log.ts";
export { type RunningNatsServer, type StartNatsServerOptions, startNatsServer } from "./nats-server.ts";
export { NATS_CONFIG_FILE, NatsServerSetup, type NatsServerSetupOptions } from "./nats-server-setup.ts";
export { type StartedWorker, StartedWorkers } from "./started-workers.ts";
export type { WaitForWorkersOptions } from "./waiting.ts";
export type { WorkerState } from "./worker-state.ts";
