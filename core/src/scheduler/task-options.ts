import { checkOptionNames, type OptionNames } from "../base/check-options.ts";
import { InvalidOptionError } from "../base/errors.ts";
import type { RetryDelay } from "./retry.ts";
import { DEFAULT_POLICY, type TaskPolicy } from "./run-function.ts";

export interface TaskOptions {
  /** The task's identity: unique in a flow. @default the function's name */
  name?: string;
  /** How often a task that throws, or times out, is tried again. @default 0 */
  retries?: number;
  /** Milliseconds before it is tried again, or a function of the attempt that failed: see `exponential`. @default 0 */
  retryDelay?: RetryDelay;
  /**
   * Milliseconds that an attempt may take, its arguments' and result's way included. It then sees `context.signal`, and
   * the executor's `cancelGraceMs` later it loses its thread; what keeps the thread in native code, its process. Nothing
   * can end what computes on a LocalExecutor: it fails when it is done.
   */
  timeout?: number;
  /** What its worker must have, abstractly: `{ GPU: 1 }`. Tasks that run at once share what a worker has. */
  resources?: Readonly<Record<string, number>>;
  /**
   * Higher runs first. Among equal ones what was begun is finished before more is begun: the task that more tasks, one
   * behind another, led to goes first; then the order of submission. @default 0
   */
  priority?: number;
  /** `muster-resource:GPU=1` and `dask-resource:GPU=1` mean `resources: { GPU: 1 }`; others are for you. */
  tags?: readonly string[];
  /** How often an attempt may be lost with its worker, once it had started. @default 3 */
  workerLostRetries?: number;
}

const NAMES: OptionNames<TaskOptions> = {
  name: true,
  retries: true,
  retryDelay: true,
  timeout: true,
  resources: true,
  priority: true,
  tags: true,
  workerLostRetries: true,
};

/**
 * @param defaults how the task is treated where nothing is said
 * @throws InvalidOptionError naming the task and the option
 */
export function resolveTaskOptions(
  name: string,
  options: TaskOptions,
  defaults: TaskPolicy = DEFAULT_POLICY,
): TaskPolicy {
  checkOptionNames(options, NAMES, { where: `Task "${name}"` });
  const {
    retries = defaults.retries,
    retryDelay = defaults.retryDelay,
    priority = defaults.priority,
    workerLostRetries = defaults.workerLostRetries,
    timeout = defaults.timeoutMs,
    tags = [],
  } = options;
  const fail = (option: string, problem: string): never => {
    throw new InvalidOptionError(option, `Task "${name}": ${option} ${problem}.`);
  };
  if (!isCount(retries)) fail("retries", `is ${String(retries)}, and should be a whole number from 0 on`);
  if (!isCount(workerLostRetries)) {
    fail("workerLostRetries", `is ${String(workerLostRetries)}, and should be a whole number from 0 on`);
  }
  if (typeof retryDelay !== "function" && !(Number.isFinite(retryDelay) && retryDelay >= 0)) {
    fail(
      "retryDelay",
      `is ${String(retryDelay)}, and should be milliseconds from 0 on, or a function of the attempt`,
    );
  }
  if (timeout !== undefined && !(typeof timeout === "number" && timeout > 0))
    fail("timeout", `is ${String(timeout)}, and should be milliseconds above 0`);
  if (!Number.isFinite(priority)) fail("priority", `is ${String(priority)}, and should be a number`);
  if (!Array.isArray(tags) || tags.some((tag) => typeof tag !== "string"))
    fail("tags", "should be a list of texts");
  const given = { ...resourcesOfTags(tags, fail), ...options.resources };
  const resources =
    options.resources === undefined && Object.keys(given).length === 0 ? (defaults.resources ?? {}) : given;
  for (const [resource, amount] of Object.entries(resources)) {
    if (!(typeof amount === "number" && amount > 0))
      fail("resources", `asks for ${String(amount)} of ${resource}, and should ask for more than 0`);
  }
  return {
    retries,
    retryDelay,
    timeoutMs: timeout,
    resources: Object.keys(resources).length === 0 ? undefined : resources,
    priority,
    workerLostRetries,
  };
}

const RESOURCE_TAG = /^(?:muster|dask)-resource:/i;
const WELL_FORMED = /^[^:]+:([^=\s]+)=(\d+(?:\.\d+)?)$/;

function resourcesOfTags(
  tags: readonly string[],
  fail: (option: string, problem: string) => never,
): Record<string, number> {
  const resources: Record<string, number> = {};
  for (const tag of tags) {
    if (!RESOURCE_TAG.test(tag)) continue;
    const [, name, amount] =
      WELL_FORMED.exec(tag) ?? fail("tags", `has "${tag}", and should say muster-resource:NAME=NUMBER`);
    resources[name!] = Number(amount);
  }
  return resources;
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0;
}
