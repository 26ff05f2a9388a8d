import type { Workload } from "../workload.ts";

const WORKERS = 4;

export const bootFour: Workload = {
  title: "four workers ready, against four bare processes or containers of node -e 0",
  size: WORKERS,
  quickSize: WORKERS,
  metrics: {
    ready: { unit: "ms", better: "lower" },
    bare: { unit: "ms", better: "lower" },
    ratio: { unit: "x", better: "lower" },
  },
  musterOnly: true,
  measure: async (system, size) => {
    const { boots } = system;
    if (boots === undefined) throw new Error("it has no cluster to boot");
    const bare = await boots.bare(size);
    const ready = await boots.workers(size);
    return { ready, bare, ratio: ready / bare };
  },
};
