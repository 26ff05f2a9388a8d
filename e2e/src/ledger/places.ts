import { type Cluster, type Executor, LocalPoolExecutor, TemporaryClusterExecutor } from "@muster/core";
import { DockerCluster } from "@muster/docker";
import { LocalCluster } from "@muster/local";
import { engineKwargs } from "../engines.ts";
import type { Schedule } from "./schedule.ts";

export const PLACES = ["cluster", "docker", "threads", "processes"] as const;
export type Place = (typeof PLACES)[number];

/** An executor, and its cluster once it has started, where there is one. */
export function placeOf(
  place: Place,
  { workers, threads, tasksPerThread }: Schedule,
  directory: string,
): { readonly executor: Executor; readonly cluster: () => Cluster | undefined } {
  let cluster: Cluster | undefined;
  const kept = (made: Cluster): Cluster => {
    cluster = made;
    return made;
  };
  // Who kills workers that boot must not wonder that a cluster gives up.
  const kwargs = { workers, threadsPerWorker: threads, tasksPerThread, maxBootFailures: 1000 };
  const clientKwargs = { cancelGraceMs: 200 };
  const volumes = [`${directory}:${directory}`];
  const makers: Record<Place, () => Executor> = {
    threads: () => new LocalPoolExecutor({ numWorkers: workers, tasksPerThread, cancelGraceMs: 200 }),
    processes: () =>
      new LocalPoolExecutor({
        scheduler: "processes",
        numWorkers: workers,
        tasksPerThread,
        cancelGraceMs: 200,
      }),
    cluster: () =>
      new TemporaryClusterExecutor({
        clusterClass: () => kept(new LocalCluster({ ...kwargs, ...engineKwargs })),
        clientKwargs,
      }),
    docker: () =>
      new TemporaryClusterExecutor({
        clusterClass: () => kept(new DockerCluster({ ...kwargs, volumes })),
        clientKwargs,
      }),
  };
  return { executor: makers[place](), cluster: () => cluster };
}
