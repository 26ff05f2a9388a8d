import { TemporaryClusterExecutor } from "@muster/core";
import { LocalCluster } from "@muster/local";
import { type SessionSystem, WORKERS } from "../system.ts";
import { clusterBoots } from "./cluster-boots.ts";
import { musterSystem } from "./muster-session.ts";

const executor = (workers: number, tasksPerThread?: number) =>
  new TemporaryClusterExecutor({ clusterClass: LocalCluster, clusterKwargs: { workers, tasksPerThread } });

export const musterLocal: SessionSystem = {
  ...musterSystem(({ concurrency }) => executor(WORKERS, concurrency)),
  boots: clusterBoots(executor, [process.execPath, "-e", "0"]),
};
