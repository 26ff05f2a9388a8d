import type { Session } from "../system.ts";
import { checkValues, perSecond, range, type Workload } from "../workload.ts";

const FEW_WAITING = 10_000;
const CHUNK = 1_000;
/** Tasks that are timed while the backlog keeps its length. */
const TIMED = 200_000;

export const waiting1m: Workload = {
  title: "throughput while so many tasks wait, against 10,000",
  size: 1_000_000,
  quickSize: 100_000,
  metrics: {
    "throughput-10k": { unit: "tasks/s", better: "higher" },
    "throughput-1m": { unit: "tasks/s", better: "higher" },
    ratio: { unit: "x", better: "higher" },
  },
  musterOnly: true,
  measure: (system, size) =>
    system.use({}, async (session) => {
      await throughputWith(session, FEW_WAITING); // warm-up
      const few = await throughputWith(session, FEW_WAITING);
      const many = await throughputWith(session, size);
      return { "throughput-10k": few, "throughput-1m": many, ratio: many / few };
    }),
};

/** The rate at which tasks end while each chunk that ended is replaced by another, so that always `waiting` tasks wait. */
async function throughputWith(session: Session, waiting: number): Promise<number> {
  const inputs = range(CHUNK);
  const submitChunk = () => session.map("noop", inputs);
  const inFlight = Array.from({ length: waiting / CHUNK }, submitChunk);
  let oldest = 0;
  const awaitOldest = async () => {
    checkValues(await inFlight[oldest]!, inputs);
    oldest++;
  };

  await awaitOldest(); // from here on results flow
  const start = performance.now();
  for (let ended = 0; ended < TIMED; ended += CHUNK) {
    inFlight.push(submitChunk());
    await awaitOldest();
  }
  const ms = performance.now() - start;
  while (oldest < inFlight.length) await awaitOldest();
  return perSecond(TIMED, ms);
}
