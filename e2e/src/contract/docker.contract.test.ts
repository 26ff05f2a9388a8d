import { type ClusterCapabilities, describeCluster } from "@muster/core/testing";
import { DockerCluster, type DockerClusterOptions, DockerLeases } from "@muster/docker";
import { containersOf, withContainersOf } from "./docker-containers.ts";

const contract = {
  clusterClass: "providers/docker#DockerCluster",
  kill: (worker, runId) =>
    withContainersOf(runId, (container, labels) =>
      labels["muster.worker"] === worker.id ? container.kill({ signal: "SIGKILL" }) : undefined,
    ),
  leftovers: containersOf,
  absent: {
    kwargs: { image: "muster.invalid/no-such-image:1", pull: "never" },
    says: /has no image "muster\.invalid\/no-such-image:1", and pull is "never"/,
  },
  outOfMemory: {
    kwargs: { memory: "256MiB" },
    hog: () => {
      const all: Uint8Array[] = [];
      for (;;) all.push(new Uint8Array(16 * 2 ** 20).fill(1));
    },
    says: /OOMKilled, it wanted more memory than the limit of 256 MiB/,
  },
  garbage: {
    keeper: new DockerLeases(),
    kwargs: { leaseTimeoutMs: 2000 },
    freeze: (runId) => withContainersOf(runId, (container) => container.pause()),
  },
} satisfies ClusterCapabilities<DockerClusterOptions>;

describeCluster<DockerClusterOptions>("docker", (kwargs) => new DockerCluster(kwargs), contract);

describeCluster<DockerClusterOptions>(
  "docker, with a server of NATS",
  (kwargs) => new DockerCluster(kwargs),
  {
    ...contract,
    kwargs: { engine: "nats" },
    // The server, and the one that ends it.
    garbage: { ...contract.garbage, beside: 2 },
    timeoutMs: 120_000,
  },
);
