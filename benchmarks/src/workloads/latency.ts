import { checkValues, type Workload } from "../workload.ts";

/** So many times what is measured: compilers take their last step after some thousand calls. */
const WARM_UP = 5;

export const latency: Workload = {
  title: "submit to result, one task after the other",
  size: 1_000,
  quickSize: 300,
  slowSize: 300,
  metrics: { p50: { unit: "us", better: "lower" }, p99: { unit: "us", better: "lower" } },
  measure: (system, size) =>
    system.use({}, async (session) => {
      for (let index = 0; index < size * WARM_UP; index++) await session.submit("noop", index);
      const micros: number[] = [];
      for (let index = 0; index < size; index++) {
        const start = performance.now();
        const value = await session.submit("noop", index);
        micros.push((performance.now() - start) * 1000);
        checkValues([value], [index]);
      }
      micros.sort((a, b) => a - b);
      return { p50: percentile(micros, 0.5), p99: percentile(micros, 0.99) };
    }),
};

function percentile(sorted: readonly number[], fraction: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] as number;
}
