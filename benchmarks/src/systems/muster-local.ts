import { TemporaryClusterExecutor } from "@muster/core";
import { LocalCluster } from "@muster/local";
import { WORKERS } from "../system.ts";
import { musterSystem } from "./muster-session.ts";

export const musterLocal = musterSystem(
  ({ concurrency }) =>
    new TemporaryClusterExecutor({
      clusterClass: LocalCluster,
      clusterKwargs: { workers: WORKERS, tasksPerThread: concurrency },
    }),
);
