import { WORKERS } from "../system.ts";
import { hashBlock } from "../tasks.ts";
import { checkValues, range, timed, type Workload } from "../workload.ts";

/** So many times what is measured: compilers take their time on the same cores. */
const WARM_UP = 3;

export const cpu: Workload = {
  title: "blocks of 256 KiB to hash, against this process alone doing half of them",
  size: 2_000,
  quickSize: 500,
  metrics: { time: { unit: "ms", better: "lower" }, ratio: { unit: "x ideal", better: "lower" } },
  measure: async (system, size) => {
    const seeds = range(size);
    const half = size / WORKERS;
    for (const seed of seeds) hashBlock(seed);
    const ideal = await timed(async () => seeds.slice(0, half).map(hashBlock));
    const wanted = [...ideal.value, ...seeds.slice(half).map(hashBlock)];
    return system.use({}, async (session) => {
      for (let round = 0; round < WARM_UP; round++) await session.map("hashBlock", seeds);
      const { value, ms } = await timed(() => session.map("hashBlock", seeds));
      checkValues(value, wanted);
      return { time: ms, ratio: ms / ideal.ms };
    });
  },
};
