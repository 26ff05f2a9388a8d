import { TemporaryClusterExecutor } from "@muster/core";
import { DockerCluster, leases } from "@muster/docker";
import { type SessionSystem, WORKERS } from "../system.ts";
import { musterSystem } from "./muster-session.ts";

export const musterDocker: SessionSystem = {
  ...musterSystem(
    ({ concurrency }) =>
      new TemporaryClusterExecutor({
        clusterClass: DockerCluster,
        clusterKwargs: { workers: WORKERS, tasksPerThread: concurrency },
      }),
  ),
  leavesOut: { "value-64mib": "its tasks signal through files, which a container does not share" },
  // What cannot be asked for its containers cannot be given any.
  missing: () =>
    leases.list().then(
      () => undefined,
      (error: Error) => error.message,
    ),
};
