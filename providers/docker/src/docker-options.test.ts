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
  [{ engine: "redis" as never }, 'engine must be "hub", "nats", or the address of a server of NATS'],
  [
    { engine: "nats://me:mine@127.0.0.1:4222,nats://[::1]" },
    'engine must be a server of NATS that containers reach, which do not see this machine\'s loopback interface, but it is "nats://127.0.0.1:4222,nats://[::1]".',
  ],
  [{ natsImage: "nats:2" }, 'natsImage must be left out unless engine is "nats", but it is "nats:2".'],
  [
    { nWorkers: 2 } as DockerClusterOptions,
    'DockerCluster has no option "nWorkers": did you mean "workers"? It has: cpus, docker,',
  ],
])("refuses %j", (options, message) => {
  expect(() => new DockerCluster(options)).toThrow(InvalidOptionError);
  expect(() => new DockerCluster(options)).toThrow(message);
});

test.each<DockerClusterOptions>([
  { engine: "nats", natsImage: "nats:2.10-alpine" },
  { engine: "nats://127.0.0.1:4222,nats://10.0.0.7:4222" },
  { engine: "nats://127.0.0.1:4222", network: "host" },
])("takes %j", (options) => {
  expect(resolveDockerOptions(options).settings).toMatchObject(options);
});

test("its string is typed", () => {
  expectTypeOf<KwargsOf<"providers/docker#DockerCluster">>().toEqualTypeOf<DockerClusterOptions>();
});
