import type { EngineEndpoint, WorkerId, WorkerSpec } from "../contracts/provider.ts";
import { workerEnv } from "../contracts/worker-env.ts";
import type { ClusterSettings } from "./cluster-options.ts";
import type { ClusterSession } from "./cluster-session.ts";

/** What the workers of a cluster have in common. */
export interface WorkerBlueprint {
  readonly settings: ClusterSettings;
  readonly session: ClusterSession;
  /** Where they find the engine. */
  readonly endpoint: EngineEndpoint;
}

/** The worker of that name, for the provider to start. */
export function workerSpec(id: WorkerId, { settings, session, endpoint }: WorkerBlueprint): WorkerSpec {
  const { threadsPerWorker: threads, tasksPerThread, resources, env, memoryLimit } = settings;
  const own = workerEnv({
    address: endpoint.address,
    token: endpoint.token,
    certificate: endpoint.certificate,
    nats: endpoint.nats,
    workerId: id,
    runId: session.run.runId,
    threads,
    tasksPerThread,
    resources,
    memoryLimit,
    deathTimeoutMs: session.deathTimeoutMs,
    cancelGraceMs: session.cancelGraceMs,
    logLevel: session.debug ? "debug" : "info",
  });
  return { id, env: { ...env, ...own }, threads, resources, memoryLimit };
}
