/**
 * The contract that every provider of workers passes, for the tests of one that is not ours as well. Needs vitest.
 * @module
 */
export type { ClusterCapabilities, ClusterFactory, CommonKwargs } from "./capabilities.ts";
export { describeCluster } from "./describe-cluster.ts";
