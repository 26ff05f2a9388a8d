import { TemporaryClusterExecutor } from "@muster/core";
import { DockerCluster, leases } from "@muster/docker";
import { type SessionSystem, WORKERS } from "../system.ts";
import { clusterBoots } from "./cluster-boots.ts";
import { musterSystem } from "./muster-session.ts";

/** The image that a worker has unless it is told otherwise. */
const IMAGE = "node:24-bookworm-slim";

const executor = (workers: number, tasksPerThread?: number) =>
  new TemporaryClusterExecutor({
    clusterClass: DockerCluster,
    clusterKwargs: { workers, tasksPerThread, image: IMAGE },
  });

export const musterDocker: SessionSystem = {
  ...musterSystem(({ concurrency }) => executor(WORKERS, concurrency)),
  boots: clusterBoots(executor, ["docker", "run", "--rm", IMAGE, "node", "-e", "0"]),
  leavesOut: { "value-64mib": "its tasks signal through files, which a container does not share" },
  // What cannot be asked for its containers cannot be given any.
  missing: () =>
    leases.list().then(
      () => undefined,
      (error: Error) => error.message,
    ),
};
