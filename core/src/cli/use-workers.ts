import { LocalExecutor, TemporaryClusterExecutor } from "../executor/index.ts";
import type { AnyFlow } from "./flow-file.ts";
import { UsageError } from "./usage-error.ts";

/**
 * Gives the flow an executor with this many workers: its own temporary cluster in that size, or, for a flow that
 * would run in this process, a local one.
 *
 * @throws UsageError when the flow's executor has no workers to count
 */
export function useWorkers(flow: AnyFlow, workers: number): void {
  const { executor } = flow;
  if (executor instanceof LocalExecutor) {
    flow.executor = new TemporaryClusterExecutor({ clusterKwargs: { workers } });
    return;
  }
  if (!(executor instanceof TemporaryClusterExecutor)) {
    throw new UsageError(
      `--workers: the flow's executor, ${executor.name}, does not take a number of workers. Leave it out.`,
    );
  }
  const { options } = executor;
  flow.executor = new TemporaryClusterExecutor({
    ...options,
    clusterKwargs: { ...(options.clusterKwargs as object), workers },
  });
}
