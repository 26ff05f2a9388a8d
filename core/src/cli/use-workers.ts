import { LocalExecutor, LocalPoolExecutor, TemporaryClusterExecutor } from "../executor/index.ts";
import type { AnyFlow } from "./flow-file.ts";
import { UsageError } from "./usage-error.ts";

/**
 * Gives the flow an executor with this many workers: its own temporary cluster or pool in that size, or, for a flow
 * that would run in this process, a local cluster.
 *
 * @throws UsageError when the flow's executor has no workers to count
 */
export function useWorkers(flow: AnyFlow, workers: number): void {
  const { executor } = flow;
  if (executor instanceof TemporaryClusterExecutor) {
    const { options } = executor;
    flow.executor = new TemporaryClusterExecutor({
      ...options,
      clusterKwargs: { ...(options.clusterKwargs as object | undefined), workers },
    });
  } else if (executor instanceof LocalPoolExecutor) {
    flow.executor = new LocalPoolExecutor({ ...executor.options, numWorkers: workers });
  } else if (executor instanceof LocalExecutor) {
    flow.executor = new TemporaryClusterExecutor({ clusterKwargs: { workers } });
  } else {
    throw new UsageError(
      `--workers: the flow's executor, ${executor.name}, does not take a number of workers. Leave it out.`,
    );
  }
}
