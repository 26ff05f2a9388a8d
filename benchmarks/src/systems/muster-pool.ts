import { LocalPoolExecutor } from "@muster/core";
import { type SessionSystem, WORKERS } from "../system.ts";
import { musterSystem } from "./muster-session.ts";

function musterPool(scheduler: "threads" | "processes"): SessionSystem {
  return {
    ...musterSystem(
      ({ concurrency }) =>
        new LocalPoolExecutor({ scheduler, numWorkers: WORKERS, tasksPerThread: concurrency }),
    ),
    leavesOut: { "boot-four": "it has no cluster" },
  };
}

export const musterThreads = musterPool("threads");
export const musterProcesses = musterPool("processes");
