import { availableParallelism } from "node:os";
import { InvalidOptionError, type KwargsOf } from "@muster/core";
import { expect, expectTypeOf, test } from "vitest";
import { resolveDockerOptions } from "./docker-options.ts";
import { DockerCluster, type DockerClusterOptions } from "./index.ts";

test("by default one container a core, of the image of the run", () => {
  const cluster = new DockerCluster();
  expect(cluster.wanted).toBe(availableParallelism());
  expect(cluster.name).toBe("docker");
  expect(resolveDockerOptions({}).settings).toMatchObject({ image: undefined, pull: "missing" });
});

test("cpus and memory become what the engine takes", () => {
  const { settings } = resolveDockerOptions({ cpus: 1.5, memory: "512MiB" });
  expect(settings).toMatchObject({ nanoCpus: 1_500_000_000, memory: 512 * 2 ** 20 });
});

test.each<[DockerClusterOptions, string]>([
  [{ pull: "sometimes" as never }, 'pull must be one of missing, always, never, but it is "sometimes".'],
  [{ cpus: 0 }, "cpus must be a number of cores above 0, but it is 0."],
  [{ memory: "lots" }, 'memory must be a number of bytes or a text such as "512MiB"'],
  [{ memory: "1MiB" }, 'memory must be at least 6 MiB, but it is "1MiB".'],
  [{ volumes: "/data:/data" as never }, 'volumes must be a list such as ["/data:/data:ro"]'],
  [{ leaseTimeoutMs: 10 }, "leaseTimeoutMs must be at least 1000, but it is 10."],
  [{ workers: -2 }, "workers must be a whole number of at least 0, but it is -2."],
  [{ env: { A: 1 as never } }, "env.A must be a string"],
  [
    { nWorkers: 2 } as DockerClusterOptions,
    'DockerCluster has no option "nWorkers": did you mean "workers"? It has: cpus, docker,',
  ],
])("refuses %j", (options, message) => {
  expect(() => new DockerCluster(options)).toThrow(InvalidOptionError);
  expect(() => new DockerCluster(options)).toThrow(message);
});

test("its string is typed", () => {
  expectTypeOf<KwargsOf<"providers/docker#DockerCluster">>().toEqualTypeOf<DockerClusterOptions>();
});
