import { checkValues, perSecond, range, throughputMetric, timed, type Workload } from "../workload.ts";

export const noop: Workload = {
  title: "map of tasks that do nothing",
  size: 100_000,
  quickSize: 20_000,
  slowSize: 5_000,
  metrics: throughputMetric,
  measure: (system, size) =>
    system.use({}, async (session) => {
      await session.map("noop", range(size / 5)); // warm-up: code compiled, caches and pools filled
      const inputs = range(size);
      const { value, ms } = await timed(() => session.map("noop", inputs));
      checkValues(value, inputs);
      return { throughput: perSecond(size, ms) };
    }),
};
