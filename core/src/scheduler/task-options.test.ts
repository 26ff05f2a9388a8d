import { expect, test } from "vitest";
import { InvalidOptionError } from "../base/errors.ts";
import { resolveTaskOptions, type TaskOptions } from "./task-options.ts";

const resolve = (options: TaskOptions) => resolveTaskOptions("train", options);

test("with nothing said, a task is tried once, and again after three lost workers", () => {
  expect(resolve({})).toEqual({
    retries: 0,
    retryDelay: 0,
    timeoutMs: undefined,
    resources: undefined,
    priority: 0,
    workerLostRetries: 3,
  });
});

test("what is said is kept", () => {
  const retryDelay = (attempt: number): number => attempt;
  const options = { retries: 2, retryDelay, timeout: 1500, priority: -1, workerLostRetries: 0 };
  const { timeout: timeoutMs, ...others } = options;
  expect(resolve({ ...options, resources: { GPU: 0.5 } })).toEqual({
    ...others,
    timeoutMs,
    resources: { GPU: 0.5 },
  });
});

test("tags for resources mean resources, in Muster's words and in Prefect's; other tags mean nothing", () => {
  const resourcesOf = (...tags: string[]) => resolve({ tags }).resources;
  expect(resourcesOf("muster-resource:GPU=1", "nightly")).toEqual({ GPU: 1 });
  expect(resourcesOf("dask-resource:GPU=2", "DASK-RESOURCE:memory=0.5")).toEqual({ GPU: 2, memory: 0.5 });
  expect(resourcesOf("nightly", "resource:GPU=1")).toBeUndefined();
});

test("an option says more than a tag of the same resource, and they add up otherwise", () => {
  const tags = ["muster-resource:GPU=1", "muster-resource:TPU=1"];
  expect(resolve({ tags, resources: { GPU: 4 } }).resources).toEqual({ GPU: 4, TPU: 1 });
});

test.each<[option: string, options: TaskOptions]>([
  ["retries", { retries: -1 }],
  ["retries", { retries: 1.5 }],
  ["retries", { retries: Number.POSITIVE_INFINITY }],
  ["workerLostRetries", { workerLostRetries: Number.NaN }],
  ["retryDelay", { retryDelay: -1 }],
  ["retryDelay", { retryDelay: Number.POSITIVE_INFINITY }],
  ["timeout", { timeout: 0 }],
  ["timeout", { timeout: Number.NaN }],
  ["priority", { priority: Number.NaN }],
  ["resources", { resources: { GPU: 0 } }],
  ["resources", { resources: { GPU: Number.NaN } }],
  ["resources", { tags: ["muster-resource:GPU=0"] }],
  ["tags", { tags: ["muster-resource:GPU"] }],
  ["tags", { tags: ["muster-resource:GPU=many"] }],
  ["tags", { tags: ["dask-resource: GPU=1"] }],
])("refuses %s in %o, naming the task and the option", (option, options) => {
  expect(() => resolve(options)).toThrow(InvalidOptionError);
  expect(() => resolve(options)).toThrow(expect.objectContaining({ option }));
  expect(() => resolve(options)).toThrow(`Task "train": ${option}`);
});
