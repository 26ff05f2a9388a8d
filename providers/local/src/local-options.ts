import { availableParallelism } from "node:os";
import {
  type ClusterOptions,
  checkEngineChoice,
  checkOptionNames,
  type EngineChoice,
  InvalidOptionError,
  parseBytes,
  type WorkerSpec,
} from "@muster/core";

/** What starts a worker: a program and its arguments. */
export type WorkerCommand = readonly [program: string, ...args: string[]];

export interface LocalClusterOptions {
  /** For messages and events. @default "local" */
  readonly name?: string;
  /** Worker processes. @default one a core */
  readonly workers?: number;
  /** Task threads in each worker. @default 1 */
  readonly threadsPerWorker?: number;
  /** Tasks that one thread runs at once; more than 1 is for tasks that mostly wait. @default 1 */
  readonly tasksPerThread?: number;
  /** Heap that each task thread may have: bytes, or a text such as `"512MiB"`. @default what Node gives a thread */
  readonly memoryLimit?: number | string;
  /** Abstract resources of this machine, which all workers share: `{ GPU: 2 }`. @default {} */
  readonly resources?: Readonly<Record<string, number>>;
  /** Environment variables of the workers, beside those of this process. @default {} */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds that a worker has to connect. @default 60000 */
  readonly startTimeoutMs?: number;
  /** Milliseconds that a retired worker has for what it runs. @default Infinity */
  readonly drainTimeoutMs?: number;
  /** Failures to start in a row after which the cluster gives up. @default 3 */
  readonly maxBootFailures?: number;
  /**
   * What starts a worker, given its specification; its environment is set in any case. For a wrapper (`nice`,
   * `taskset`), another Node, or Node options of the workers alone.
   * @default this Node, with Muster's worker file
   */
  readonly command?: (worker: WorkerSpec) => WorkerCommand;
  /**
   * Where driver and workers meet: `"hub"`, in the driver; `"nats"`, at a server of NATS that is started for the run
   * (NATS_SERVER_BIN, or nats-server on the path); or the address of one that is there, for which MUSTER_NATS_… say who
   * this is. @default "hub"
   */
  readonly engine?: EngineChoice;
}

/** Milliseconds that a worker process takes to connect: some tens. The first one measured replaces it. */
const EXPECTED_BOOT_MS = 150;

const NAMES: readonly (keyof LocalClusterOptions)[] = [
  "name",
  "workers",
  "threadsPerWorker",
  "tasksPerThread",
  "memoryLimit",
  "resources",
  "env",
  "startTimeoutMs",
  "drainTimeoutMs",
  "maxBootFailures",
  "command",
  "engine",
];

/**
 * What the user wrote, as options of any cluster; `Cluster` checks the rest of them.
 * @throws InvalidOptionError
 */
export function resolveLocalOptions(options: LocalClusterOptions): Omit<ClusterOptions, "provider"> {
  checkOptionNames(options, NAMES, { where: "LocalCluster" });
  const { command, memoryLimit, engine, ...rest } = options;
  checkEngineChoice(engine);
  if (command !== undefined && typeof command !== "function") {
    throw new InvalidOptionError(
      "command",
      "command must be a function that gives a program and its arguments.",
    );
  }
  const cores = availableParallelism();
  return {
    ...rest,
    workers: options.workers ?? cores,
    memoryLimit: memoryLimit === undefined ? undefined : parseBytes(memoryLimit, "memoryLimit"),
    expectedBootMs: EXPECTED_BOOT_MS,
    defaultMaximum: cores,
  };
}
