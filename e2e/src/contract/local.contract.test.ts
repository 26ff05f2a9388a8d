import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { type ClusterCapabilities, describeCluster } from "@muster/core/testing";
import { LocalCluster, type LocalClusterOptions } from "@muster/local";
import { processesNaming, processesWith } from "../support/left-behind.ts";

const contract = {
  clusterClass: "providers/local#LocalCluster",
  kill: async ({ pid }) => void process.kill(pid!, "SIGKILL"),
  leftovers: async (runId) => processesWith(`MUSTER_RUN_ID=${runId}`).map((pid) => `process ${pid}`),
  absent: {
    kwargs: { command: () => ["/nowhere/node"] },
    says: /the program \/nowhere\/node cannot be started: spawn \/nowhere\/node ENOENT/,
  },
  outOfMemory: {
    kwargs: { memoryLimit: "64MiB" },
    hog: () => {
      const all: number[][] = [];
      for (;;) all.push(new Array(10_000).fill(all.length));
    },
    says: /memory/i,
  },
} satisfies ClusterCapabilities<LocalClusterOptions>;

describeCluster<LocalClusterOptions>("local", (kwargs) => new LocalCluster(kwargs), contract);

describeCluster<LocalClusterOptions>("local, with a server of NATS", (kwargs) => new LocalCluster(kwargs), {
  ...contract,
  kwargs: { engine: "nats" },
  leftovers: async (runId) => [...(await contract.leftovers(runId)), ...serverOf(runId)],
  // Where a server is between, workers wait longer for their driver.
  timeoutMs: 120_000,
});

/** The processes of a run's own server, and the directories that it stores in. */
function serverOf(runId: string): string[] {
  const name = `muster-${runId}-nats-`;
  const directories = readdirSync(tmpdir()).filter((entry) => entry.startsWith(name));
  return [...directories, ...processesNaming(name).map((pid) => `process ${pid}`)];
}
