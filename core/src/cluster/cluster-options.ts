import {
  checkBoolean,
  checkEnv,
  checkNumber,
  checkOptionNames,
  checkResources,
  checkText,
} from "../base/check-options.ts";
import { InvalidOptionError } from "../base/errors.ts";
import type { WorkerProvider } from "../contracts/provider.ts";
import type { ReconcilePolicy } from "./reconciler.ts";

/** What a cluster is made of. A cluster class takes the user's part of it and adds the provider. */
export interface ClusterOptions {
  /** What makes the workers exist. */
  readonly provider: WorkerProvider;
  /** For messages and events. @default the provider's name */
  readonly name?: string;
  /** Workers to begin with; `scale` and `adapt` change it. @default 0 */
  readonly workers?: number;
  /** Task threads in each worker. @default 1 */
  readonly threadsPerWorker?: number;
  /** Tasks that one thread runs at once; more than 1 is for tasks that mostly wait. @default 1 */
  readonly tasksPerThread?: number;
  /** Abstract resources that each worker has: `{ GPU: 1 }`. @default {} */
  readonly resources?: Readonly<Record<string, number>>;
  /** All workers together have `resources`, as those of one machine do, instead of each as much. @default false */
  readonly sharesResources?: boolean;
  /** Environment variables of the workers. @default {} */
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes of heap that each task thread may have. @default what Node gives a thread */
  readonly memoryLimit?: number;
  /** Milliseconds that a worker has from the request to its connection. @default 60000 */
  readonly startTimeoutMs?: number;
  /** Milliseconds that the provider has to make what all workers share, such as their image. @default `startTimeoutMs` */
  readonly openTimeoutMs?: number;
  /**
   * Milliseconds that a retired worker has to finish what it runs, before it is ended all the same.
   * @default Infinity: scaling down never ends a running task
   */
  readonly drainTimeoutMs?: number;
  /**
   * Boot failures in a row, none ready in between, after which a cluster without workers gives up. Workers that
   * were asked for together and fail together count as one.
   * @default 3
   */
  readonly maxBootFailures?: number;
  /** Milliseconds that a boot is expected to take, until the first one was measured. @default 1000 */
  readonly expectedBootMs?: number;
  /** What `adapt` takes for its `maximum` when the user gives none. @default 10 */
  readonly defaultMaximum?: number;
}

/** `ClusterOptions`, checked and complete. */
export interface ClusterSettings {
  readonly provider: WorkerProvider;
  readonly name: string;
  readonly workers: number;
  readonly threadsPerWorker: number;
  readonly tasksPerThread: number;
  readonly resources: Readonly<Record<string, number>>;
  readonly sharesResources: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly memoryLimit: number | undefined;
  readonly openTimeoutMs: number;
  readonly expectedBootMs: number;
  readonly defaultMaximum: number;
  readonly policy: ReconcilePolicy;
}

const NAMES: readonly (keyof ClusterOptions)[] = [
  "provider",
  "name",
  "workers",
  "threadsPerWorker",
  "tasksPerThread",
  "resources",
  "sharesResources",
  "env",
  "memoryLimit",
  "startTimeoutMs",
  "openTimeoutMs",
  "drainTimeoutMs",
  "maxBootFailures",
  "expectedBootMs",
  "defaultMaximum",
];

/** @throws InvalidOptionError */
export function resolveClusterOptions(options: ClusterOptions): ClusterSettings {
  checkOptionNames(options, NAMES, { where: "A cluster" });
  const provider = options.provider as WorkerProvider | undefined;
  if (typeof provider?.launch !== "function") {
    throw new InvalidOptionError(
      "provider",
      "A cluster needs a provider: an object that implements WorkerProvider.",
    );
  }
  type Whole = "workers" | "threadsPerWorker" | "tasksPerThread" | "maxBootFailures" | "defaultMaximum";
  const count = (option: Whole, fallback: number): number =>
    checkNumber(options[option], fallback, { option, min: option === "workers" ? 0 : 1, whole: true });
  const { memoryLimit } = options;
  const startTimeoutMs = checkNumber(options.startTimeoutMs, 60_000, { option: "startTimeoutMs", min: 1 });
  return {
    provider,
    name: checkText(options.name, "name") ?? provider.name,
    workers: count("workers", 0),
    threadsPerWorker: count("threadsPerWorker", 1),
    tasksPerThread: count("tasksPerThread", 1),
    resources: checkResources(options.resources, "resources"),
    sharesResources: checkBoolean(options.sharesResources, false, "sharesResources"),
    env: checkEnv(options.env, "env"),
    memoryLimit:
      memoryLimit === undefined
        ? undefined
        : checkNumber(memoryLimit, 0, { option: "memoryLimit", min: MIN_MEMORY_LIMIT, whole: true }),
    openTimeoutMs: checkNumber(options.openTimeoutMs, startTimeoutMs, { option: "openTimeoutMs", min: 1 }),
    expectedBootMs: checkNumber(options.expectedBootMs, 1_000, { option: "expectedBootMs", min: 0 }),
    defaultMaximum: count("defaultMaximum", 10),
    policy: {
      startTimeoutMs,
      drainTimeoutMs: checkNumber(options.drainTimeoutMs, Number.POSITIVE_INFINITY, {
        option: "drainTimeoutMs",
        min: 0,
        infinite: true,
      }),
      maxBootFailures: count("maxBootFailures", 3),
      backOffMs: 100,
      maxBackOffMs: 10_000,
      stableMs: 1_000,
    },
  };
}

/** 16 MiB: with less, a thread dies before it has loaded its first task, and the reason is hard to see. */
const MIN_MEMORY_LIMIT = 16 * 2 ** 20;
