import type { Session } from "../system.ts";
import { checksum, expectedChecksum } from "../tasks.ts";
import { checkValues, perSecond, timed, type Workload } from "../workload.ts";

const MIB = 1024 * 1024;
/** Results in flight: enough to keep both workers busy, few enough for any driver's memory. */
const IN_FLIGHT = 16;

export const values1mib: Workload = {
  title: "results of 1 MiB, read by the driver, 16 in flight",
  size: 1_000,
  quickSize: 200,
  slowSize: 300,
  metrics: { throughput: { unit: "MiB/s", better: "higher" } },
  measure: (system, size) =>
    system.use({ binary: true }, async (session) => {
      await fetchValues(session, size / 5);
      const { ms } = await timed(() => fetchValues(session, size));
      return { throughput: perSecond(size, ms) };
    }),
};

async function fetchValues(session: Session, count: number): Promise<void> {
  let left = count;
  const fetchOneByOne = async () => {
    while (left-- > 0)
      checkValues([checksum(await session.submit("makeBytes", MIB))], [expectedChecksum(MIB)]);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, fetchOneByOne));
}
