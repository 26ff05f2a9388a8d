import { ANY_CLASS } from "../../wire/nats/pool/resource-class.ts";

/** More lanes than this a run does not ask for. */
export const MAX_LANES = 256;

/**
 * How many lanes of each class a run could use, those that it has included: one for each task that could run now or does.
 * A lane that has more than a task needs is as good, where the tasks that do need it do not take it.
 * @param tasks how many could run now or do, by the class of lane that they need
 * @param lanes how many there are, or will be, by class
 */
export function lanesOfUse(
  tasks: ReadonlyMap<string, number>,
  lanes: ReadonlyMap<string, number>,
): Map<string, number> {
  const use = new Map<string, number>();
  let toSpare = 0;
  for (const [token, count] of tasks) {
    if (token === ANY_CLASS) continue;
    use.set(token, Math.min(count, MAX_LANES));
    toSpare += Math.max(0, (lanes.get(token) ?? 0) - count);
  }
  const plain = tasks.get(ANY_CLASS) ?? 0;
  use.set(ANY_CLASS, Math.min(Math.max(0, plain - toSpare), MAX_LANES));
  return use;
}
