import { type Node, TaskRun } from "./task-run.ts";

/**
 * What leads to one task is made together: where several lists are taken side by side, the first elements of all come
 * before the second of any, and not the whole first list before the second. So a task, all that it takes, and all that
 * leads to that, has the rank of what was submitted first among them.
 */
export function rankTogether(run: TaskRun): void {
  const { dependencies } = run;
  for (const dependency of dependencies) {
    if (dependency instanceof TaskRun && dependency.rank < run.rank) run.rank = dependency.rank;
  }
  if (dependencies.length < 2) return;
  const open: Node[] = [...dependencies];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (!(node instanceof TaskRun) || node.rank <= run.rank || node.inEngine || node.isFinished) continue;
    node.rank = run.rank;
    for (const dependency of node.dependencies) open.push(dependency);
  }
}
