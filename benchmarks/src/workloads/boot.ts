import { checkValues, type Workload } from "../workload.ts";

/** The library is loaded before (every cell has a fresh process); what is timed is what each start of a cluster or pool costs. */
export const boot: Workload = {
  title: "from nothing to the first result, and from there to closed",
  size: 1,
  quickSize: 1,
  metrics: { "first-result": { unit: "ms", better: "lower" }, close: { unit: "ms", better: "lower" } },
  measure: async (system) => {
    const start = performance.now();
    const firstResult = await system.use({}, async (session) => {
      checkValues([await session.submit("noop", 1)], [1]);
      return performance.now();
    });
    return { "first-result": firstResult - start, close: performance.now() - firstResult };
  },
};
