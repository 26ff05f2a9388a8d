import type { LeaseKeeper } from "@muster/core";
import type { DockerCluster } from "./docker-cluster.ts";
import { DockerLeases } from "./leases.ts";

export type { DockerConnection } from "./connect.ts";
export { DockerCluster } from "./docker-cluster.ts";
export type { DockerClusterOptions } from "./docker-options.ts";
export type { PullPolicy, RegistryAuth } from "./image.ts";
export { DockerLeases };

/** For `muster cluster`: what runs made on the engine that the `docker` command would use. */
export const leases: LeaseKeeper = new DockerLeases();

declare module "@muster/core" {
  interface ClusterRegistry {
    "providers/docker#DockerCluster": typeof DockerCluster;
    "@muster/docker#DockerCluster": typeof DockerCluster;
  }
}
