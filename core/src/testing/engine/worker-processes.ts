import { workerEnv } from "../../contracts/worker-env.ts";
import type { WorkerLink } from "../../contracts/worker-link.ts";
import { PoolProcess } from "../../engine/pool-process.ts";
import type { EngineOptions, OpenEngine } from "./engine-factory.ts";

/** A worker that lost its engine goes on looking for it for so long, in milliseconds. */
const DEATH_TIMEOUT_MS = 10_000;

/** Starts workers as a cluster of this machine does: as processes that dial the engine, which is told how they end. */
export function workerProcesses(
  link: WorkerLink,
  options: EngineOptions,
): NonNullable<OpenEngine["addWorker"]> {
  const { run, threadsPerWorker: threads, tasksPerThread, resources, memoryLimit, cancelGraceMs } = options;
  return async (workerId) => {
    const { address, token, certificate, nats } = link.endpoint;
    const env = workerEnv({
      address,
      token,
      certificate,
      nats,
      workerId,
      runId: run.flowRunId,
      threads,
      tasksPerThread,
      resources,
      memoryLimit,
      deathTimeoutMs: DEATH_TIMEOUT_MS,
      cancelGraceMs,
      logLevel: run.logLevel,
    });
    const { ended } = await PoolProcess.start(env, new AbortController().signal);
    void ended.then((death) => link.reportDeath(workerId, death));
    return { ended };
  };
}
