import type { Session } from "../system.ts";
import { checkValues, perSecond, range, throughputMetric, timed, type Workload } from "../workload.ts";

export const tree: Workload = {
  title: "leaves, summed two at a time; a leaf and a sum are a task each",
  size: 10_000,
  quickSize: 2_000,
  slowSize: 1_000,
  metrics: throughputMetric,
  measure: (system, size) =>
    system.use({}, async (session) => {
      await reduceTree(session, size / 5);
      const { value, ms } = await timed(() => reduceTree(session, size));
      checkValues([value], [(size * (size - 1)) / 2]);
      return { throughput: perSecond(2 * size - 1, ms) };
    }),
};

function reduceTree(session: Session, leaves: number): PromiseLike<number> {
  let level = range(leaves).map((leaf) => session.submit("noop", leaf));
  while (level.length > 1) {
    const next: PromiseLike<number>[] = [];
    for (let at = 0; at + 1 < level.length; at += 2) {
      next.push(session.submitAfter("add", [level[at]!, level[at + 1]!]));
    }
    if (level.length % 2 === 1) next.push(level.at(-1)!);
    level = next;
  }
  return level[0]!;
}
