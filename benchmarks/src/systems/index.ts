import type { System, SystemName } from "../system.ts";

/** Each is imported only when it is asked for: one that is not installed is missing, and the others run. */
const loaders: Readonly<Record<SystemName, () => Promise<System>>> = {
  "muster-local": async () => (await import("./muster-local.ts")).musterLocal,
  "muster-threads": async () => (await import("./muster-pool.ts")).musterThreads,
  "muster-processes": async () => (await import("./muster-pool.ts")).musterProcesses,
  "muster-docker": async () => (await import("./muster-docker.ts")).musterDocker,
  "muster-nats": async () => (await import("./muster-nats.ts")).musterNats,
  dask: async () => (await import("./dask.ts")).dask,
  piscina: async () => (await import("./piscina.ts")).piscina,
  "piscina-16": async () => (await import("./piscina.ts")).piscina16,
  tinypool: async () => (await import("./tinypool.ts")).tinypool,
  "workerpool-threads": async () => (await import("./workerpool.ts")).workerpoolThreads,
  "workerpool-processes": async () => (await import("./workerpool.ts")).workerpoolProcesses,
  "jest-worker": async () => (await import("./jest-worker.ts")).jestWorker,
  bullmq: async () => (await import("./bullmq.ts")).bullmq,
  "node-bare": async () => (await import("./node-bare.ts")).nodeBare,
};

/** The system, or why it is missing here. */
export async function findSystem(
  name: SystemName,
): Promise<{ readonly system: System } | { readonly missing: string }> {
  try {
    const system = await loaders[name]();
    const missing = await system.missing();
    return missing === undefined ? { system } : { missing };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}
