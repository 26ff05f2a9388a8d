import { Piscina } from "piscina";
import { type SessionSystem, WORKERS } from "../system.ts";
import { notMissing, poolSession, transferListOf, workerFile } from "./pool-session.ts";

/** @param fixedConcurrency - tasks a worker has at a time whatever the workload; undefined: Piscina's default, or what the workload asks for */
function piscinaSystem(fixedConcurrency?: number): SessionSystem {
  return {
    kind: "session",
    missing: notMissing,
    leavesOut: fixedConcurrency
      ? { "value-64mib": "a worker that is busy still takes tasks, so none can be sent to the other" }
      : {},
    use: async (options, body) => {
      const pool = new Piscina({
        filename: workerFile("piscina-worker"),
        minThreads: WORKERS,
        maxThreads: WORKERS,
        concurrentTasksPerWorker: fixedConcurrency ?? options.concurrency ?? 1,
      });
      try {
        return await body(
          poolSession((name, input) => {
            const transferList = transferListOf(input);
            return pool.run(input, transferList ? { name, transferList } : { name });
          }),
        );
      } finally {
        await pool.destroy();
      }
    },
  };
}

export const piscina = piscinaSystem();
export const piscina16 = piscinaSystem(16);
