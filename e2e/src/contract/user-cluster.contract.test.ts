import { describeCluster } from "@muster/core/testing";
import { UserCluster, type UserClusterKwargs } from "../fixtures/user-cluster.ts";
import { processesWith } from "../support/left-behind.ts";

describeCluster<UserClusterKwargs>("a user's own", (kwargs) => new UserCluster(kwargs), {
  clusterClass: `${new URL("../fixtures/user-cluster.ts", import.meta.url).href}#UserCluster`,
  kill: async ({ pid }) => void process.kill(pid!, "SIGKILL"),
  leftovers: async (runId) => processesWith(`MUSTER_RUN_ID=${runId}`).map((pid) => `process ${pid}`),
  absent: { kwargs: { program: "/nowhere/node" }, says: /cannot start: spawn \/nowhere\/node ENOENT/ },
  outOfMemory: {
    kwargs: { memoryLimit: 64 * 2 ** 20 },
    hog: () => {
      const all: number[][] = [];
      for (;;) all.push(new Array(10_000).fill(all.length));
    },
    says: /memory/i,
  },
});
