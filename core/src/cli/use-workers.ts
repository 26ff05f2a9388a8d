import { toError } from "../base/errors.ts";
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
    if (options.address !== undefined)
      throw new UsageError(
        "--workers: the flow's executor uses a pool, whose workers others start. Leave it out.",
      );
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

/**
 * Has the flow use lanes of a pool, whatever its executor was.
 * @throws UsageError for an address or a name that is none
 */
export function usePool(flow: AnyFlow, address: string, pool: string | undefined): void {
  const { executor } = flow;
  const given = executor instanceof TemporaryClusterExecutor ? executor.options : {};
  const clientKwargs = { ...given.clientKwargs, ...(pool === undefined ? {} : { pool }) };
  const { debug } = given;
  try {
    const options = { address, clientKwargs, ...(debug === undefined ? {} : { debug }) };
    flow.executor = new TemporaryClusterExecutor(options);
  } catch (error) {
    throw new UsageError(toError(error).message.replace(/^address /, "--address "));
  }
}
