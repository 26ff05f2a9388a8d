import workerpool from "workerpool";
import { type SessionSystem, WORKERS } from "../system.ts";
import { notMissing, poolSession, transferListOf, workerFile } from "./pool-session.ts";

function workerpoolSystem(workerType: "thread" | "process"): SessionSystem {
  return {
    kind: "session",
    missing: notMissing,
    leavesOut: { timers: "a worker has one task at a time" },
    use: async (options, body) => {
      const pool = workerpool.pool(workerFile("workerpool-worker"), {
        workerType,
        minWorkers: WORKERS,
        maxWorkers: WORKERS,
        ...(workerType === "process" && options.binary ? { forkOpts: { serialization: "advanced" } } : {}),
      });
      try {
        return await body(
          poolSession((task, input) => {
            const transfer = workerType === "thread" ? transferListOf(input) : undefined;
            return pool.exec(task, [input], transfer ? { transfer } : undefined);
          }),
        );
      } finally {
        await pool.terminate();
      }
    },
  };
}

export const workerpoolThreads = workerpoolSystem("thread");
export const workerpoolProcesses = workerpoolSystem("process");
