import { checksum, expectedChecksum, makeBytes } from "../tasks.ts";
import { checkValues, range, timed, type Workload } from "../workload.ts";

const BYTES = 5 * 1024 * 1024;
const LOOK_MS = 2;

export const deep: Workload = {
  title: "values of 5 MiB, each made by a task and used by another; the most that lay in memory at once",
  size: 400,
  quickSize: 100,
  metrics: { peak: { unit: "MB", better: "lower" }, throughput: { unit: "MB/s", better: "higher" } },
  needsStorage: true,
  measure: (system, size) =>
    system.use({ binary: true }, async (session) => {
      checkValues([checksum(makeBytes(BYTES))], [expectedChecksum(BYTES)]);
      let peak = 0;
      const look = setInterval(() => {
        peak = Math.max(peak, session.storedBytes?.() ?? 0);
      }, LOOK_MS);
      const { value, ms } = await timed(() =>
        Promise.all(
          range(size).map(() => session.submitAfter("checksum", session.submit("makeBytes", BYTES))),
        ),
      );
      clearInterval(look);
      checkValues(value, new Array<number>(size).fill(expectedChecksum(BYTES)));
      return { peak: peak / 1e6, throughput: (size * BYTES) / 1e6 / (ms / 1000) };
    }),
};
