import type { Session } from "../system.ts";
import { checkValues, perSecond, throughputMetric, timed, type Workload } from "../workload.ts";

export const chain: Workload = {
  title: "tasks in a chain, each of its predecessor's result",
  size: 2_000,
  quickSize: 500,
  slowSize: 500,
  metrics: throughputMetric,
  measure: (system, size) =>
    system.use({}, async (session) => {
      await runChain(session, size / 5);
      const { value, ms } = await timed(() => runChain(session, size));
      checkValues([value], [size]);
      return { throughput: perSecond(size, ms) };
    }),
};

function runChain(session: Session, length: number): PromiseLike<number> {
  let last = session.submit("increment", 0);
  for (let link = 1; link < length; link++) last = session.submitAfter("increment", last);
  return last;
}
