/**
 * The contracts that every provider of workers and every engine passes, for the tests of those that are not ours as well.
 * Needs vitest.
 * @module
 */
export type { ClusterCapabilities, ClusterFactory, CommonKwargs } from "./capabilities.ts";
export { describeCluster } from "./describe-cluster.ts";
export { describeEngine } from "./describe-engine.ts";
export type { EngineFactory, EngineOptions, OpenEngine } from "./engine/engine-factory.ts";
export { workerProcesses } from "./engine/worker-processes.ts";
export { seededRandom } from "./seeded-random.ts";
