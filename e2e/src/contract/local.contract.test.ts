import { describeCluster } from "@muster/core/testing";
import { LocalCluster, type LocalClusterOptions } from "@muster/local";
import { processesWith } from "../support/left-behind.ts";

describeCluster<LocalClusterOptions>("local", (kwargs) => new LocalCluster(kwargs), {
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
});
