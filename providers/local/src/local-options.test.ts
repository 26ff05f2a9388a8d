import { availableParallelism } from "node:os";
import { InvalidOptionError, type KwargsOf } from "@muster/core";
import { expect, expectTypeOf, test } from "vitest";
import { LocalCluster, type LocalClusterOptions } from "./index.ts";
import { resolveLocalOptions } from "./local-options.ts";

test("by default one worker a core, one thread each", () => {
  const cluster = new LocalCluster();
  expect(cluster.wanted).toBe(availableParallelism());
  expect(cluster.possible).toMatchObject({
    threads: 1,
    tasksPerThread: 1,
    maxWorkers: availableParallelism(),
  });
  expect(cluster.name).toBe("local");
});

test("with adapt and no maximum, as many as there are cores", () => {
  const cluster = new LocalCluster({ workers: 1 });
  cluster.adapt();
  expect(cluster.possible.maxWorkers).toBe(availableParallelism());
});

test.each([
  ["512MiB", 512 * 2 ** 20],
  ["1.5 GB", 1.5e9],
  ["64000kb", 64e6],
  [2 ** 28, 2 ** 28],
])("memoryLimit %j is %i bytes", (memoryLimit, bytes) => {
  expect(resolveLocalOptions({ memoryLimit }).memoryLimit).toBe(bytes);
});

test.each<[LocalClusterOptions, string]>([
  [{ memoryLimit: "lots" }, 'memoryLimit must be a number of bytes or a text such as "512MiB"'],
  [{ memoryLimit: "5" }, 'memoryLimit must be a number of bytes or a text such as "512MiB"'],
  [{ memoryLimit: 5 }, "memoryLimit must be a whole number of at least 16777216, but it is 5."],
  [{ workers: -2 }, "workers must be a whole number of at least 0, but it is -2."],
  [{ threadsPerWorker: 0.5 }, "threadsPerWorker must be a whole number of at least 1, but it is 0.5."],
  [{ startTimeoutMs: 0 }, "startTimeoutMs must be a number of at least 1, but it is 0."],
  [{ command: "node" as never }, "command must be a function"],
  [
    { numWorkers: 2 } as LocalClusterOptions,
    'LocalCluster has no option "numWorkers": did you mean "workers"? It has: command, drainTimeoutMs,',
  ],
])("refuses %j", (options, message) => {
  expect(() => new LocalCluster(options)).toThrow(InvalidOptionError);
  expect(() => new LocalCluster(options)).toThrow(message);
});

test("its string is typed", () => {
  expectTypeOf<KwargsOf<"providers/local#LocalCluster">>().toEqualTypeOf<LocalClusterOptions>();
});
