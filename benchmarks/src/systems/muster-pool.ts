import { LocalPoolExecutor } from "@muster/core";
import { WORKERS } from "../system.ts";
import { musterSystem } from "./muster-session.ts";

function musterPool(scheduler: "threads" | "processes") {
  return musterSystem(
    ({ concurrency }) =>
      new LocalPoolExecutor({ scheduler, numWorkers: WORKERS, tasksPerThread: concurrency }),
  );
}

export const musterThreads = musterPool("threads");
export const musterProcesses = musterPool("processes");
