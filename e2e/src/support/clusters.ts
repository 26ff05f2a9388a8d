import { type Executor, LocalExecutor, LocalPoolExecutor, TemporaryClusterExecutor } from "@muster/core";
import type { LocalClusterOptions } from "@muster/local";
import { engineKwargs } from "../engines.ts";

type ClientKwargs = NonNullable<ConstructorParameters<typeof TemporaryClusterExecutor>[0]>["clientKwargs"];

/** A temporary cluster of local workers: two, unless told otherwise. */
export function localWorkers(
  clusterKwargs: LocalClusterOptions = {},
  clientKwargs: ClientKwargs = {},
): TemporaryClusterExecutor {
  const kwargs = { workers: 2, ...engineKwargs, ...clusterKwargs };
  return new TemporaryClusterExecutor({ clusterKwargs: kwargs, clientKwargs });
}

/** Every executor there is: one test body proves them all. */
export const EXECUTORS: readonly (readonly [name: string, make: () => Executor])[] = [
  ["LocalExecutor", () => new LocalExecutor()],
  ["LocalPoolExecutor of threads", () => new LocalPoolExecutor({ numWorkers: 2 })],
  ["LocalPoolExecutor of processes", () => new LocalPoolExecutor({ scheduler: "processes", numWorkers: 2 })],
  ["TemporaryClusterExecutor", () => localWorkers()],
];
