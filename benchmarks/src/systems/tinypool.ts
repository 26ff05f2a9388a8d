import { Tinypool } from "tinypool";
import { type SessionSystem, WORKERS } from "../system.ts";
import { notMissing, poolSession, transferListOf, workerFile } from "./pool-session.ts";

export const tinypool: SessionSystem = {
  kind: "session",
  missing: notMissing,
  use: async (options, body) => {
    const pool = new Tinypool({
      filename: workerFile("tinypool-worker"),
      runtime: "worker_threads",
      minThreads: WORKERS,
      maxThreads: WORKERS,
      concurrentTasksPerWorker: options.concurrency ?? 1,
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
