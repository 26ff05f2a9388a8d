import { Worker } from "jest-worker";
import { type SessionSystem, type TaskName, WORKERS } from "../system.ts";
import { notMissing, poolSession, workerFile } from "./pool-session.ts";

const TASK_NAMES: readonly TaskName[] = [
  "noop",
  "increment",
  "add",
  "makeBytes",
  "checksum",
  "mix",
  "hashBlock",
  "timer",
  "hold",
];

type Farm = Worker & Record<TaskName, (input: unknown) => Promise<unknown>>;

export const jestWorker: SessionSystem = {
  kind: "session",
  missing: notMissing,
  leavesOut: { timers: "a worker has one task at a time" },
  use: async (options, body) => {
    const farm = new Worker(workerFile("../tasks"), {
      numWorkers: WORKERS,
      exposedMethods: TASK_NAMES,
      enableWorkerThreads: false,
      ...(options.binary ? { forkOptions: { serialization: "advanced" } } : {}),
    }) as Farm;
    try {
      return await body(poolSession((task, input) => farm[task](input)));
    } finally {
      await farm.end();
    }
  },
};
