import type { LocalCluster } from "./local-cluster.ts";

export { LocalCluster } from "./local-cluster.ts";
export type { LocalClusterOptions, WorkerCommand } from "./local-options.ts";
export { LocalProvider, type LocalProviderOptions } from "./local-provider.ts";

declare module "@muster/core" {
  interface ClusterRegistry {
    "providers/local#LocalCluster": typeof LocalCluster;
    "@muster/local#LocalCluster": typeof LocalCluster;
  }
}
