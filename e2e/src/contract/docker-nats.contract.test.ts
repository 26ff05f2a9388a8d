import { once } from "node:events";
import { connect } from "node:net";
import { ClusterStartError, EventLog, TemporaryClusterExecutor } from "@muster/core";
import { DockerCluster, type DockerClusterOptions, leases } from "@muster/docker";
import { expect, onTestFinished, test } from "vitest";
import { containersOf, docker, withContainersOf } from "./docker-containers.ts";
import { EngineProxy } from "./engine-proxy.ts";

/* What is Docker's own of a server of NATS for a run, beyond the contract of all providers. */

const TIMEOUT_MS = 60_000;
const WORKER_IMAGE = "node:24-bookworm-slim";
let runs = 0;

async function start(kwargs: DockerClusterOptions) {
  const runId = `run-docker-nats-${process.pid}-${++runs}`;
  onTestFinished(async () => expect(await containersOf(runId)).toEqual([]));
  const executor = await new TemporaryClusterExecutor({
    clusterClass: DockerCluster,
    clusterKwargs: { workers: 1, engine: "nats", ...kwargs },
  }).start({ runId, flowName: "docker", events: new EventLog() });
  onTestFinished(() => executor.close());
  return { runId, executor, cluster: executor.cluster! };
}

/** The containers of a run, by what they are in it. */
async function inspect(runId: string) {
  const all = new Map<string, Awaited<ReturnType<ReturnType<typeof docker.getContainer>["inspect"]>>>();
  await withContainersOf(runId, async (container, labels) => {
    all.set(labels["muster.worker"] ?? labels["muster.part"]!, await container.inspect());
  });
  return all;
}

async function failure(kwargs: DockerClusterOptions): Promise<Error> {
  const error = await start(kwargs).then(
    () => new Error("It did not fail."),
    (thrown: Error) => thrown,
  );
  expect(error).toBeInstanceOf(ClusterStartError);
  return error;
}

test("nothing secret of a run's server can be seen from outside of its containers, and no port of it", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { runId, cluster } = await start({});
  await cluster.waitForWorkers(1);
  const containers = await inspect(runId);
  expect([...containers.keys()].sort()).toEqual(["nats", "nats-keeper", "w-1"]);
  const secrets = /PASSWORD|password|BEGIN|\b[0-9a-f]{48}\b|_TOKEN/;
  for (const { Config, HostConfig, Mounts, Args } of containers.values())
    expect(JSON.stringify([Config, HostConfig, Mounts, Args])).not.toMatch(secrets);
  expect(containers.get("nats-keeper")!.HostConfig.PortBindings ?? {}).toEqual({});
  expect(containers.get("nats")!.Config.User).toBe("65534:65534");
  const own = (await leases.list()).filter((lease) => lease.runId === runId);
  expect(own.map(({ worker }) => worker).sort()).toEqual(["w-1", undefined, undefined]);
});

test("a driver that does not see the containers' network reaches the server by a port of its own machine", {
  timeout: TIMEOUT_MS,
}, async () => {
  // An engine in a virtual machine has its gateway there; one of 192.0.2.0/24 is nowhere.
  const { IPAM } = (await docker.getNetwork("bridge").inspect()) as {
    IPAM: { Config: { Gateway: string }[] };
  };
  const gateway = IPAM.Config[0]!.Gateway;
  const elsewhere = "192.0.2.1".padEnd(gateway.length, "0").slice(0, gateway.length);
  await using proxy = await EngineProxy.start((text) =>
    text.replaceAll(`"Gateway":"${gateway}"`, `"Gateway":"${elsewhere}"`),
  );
  const { runId, executor } = await start({ docker: { socketPath: proxy.path } });
  expect(await executor.submit((a: number) => a + 1, [1])).toBe(2);
  const { NetworkSettings } = (await inspect(runId)).get("nats-keeper")!;
  const [published] = NetworkSettings.Ports["4222/tcp"]!;
  expect(published!.HostIp).toBe("127.0.0.1");
  const socket = connect({ host: "127.0.0.1", port: Number(published!.HostPort) });
  const [greeting] = (await once(socket, "data")) as [Buffer];
  expect(greeting.toString()).toMatch(/^INFO .*"tls_required":true/);
  socket.destroy();
  // Its containers are to be gone before the way to the engine is.
  await executor.close();
});

test("in the network of the machine, it listens on the loopback interface alone", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { runId, executor } = await start({ network: "host" });
  expect(await executor.submit((a: number) => a + 1, [1])).toBe(2);
  const env = (await inspect(runId)).get("w-1")!.Config.Env;
  expect(env.find((line) => line.startsWith("MUSTER_ADDRESS="))).toMatch(/=tls:\/\/127\.0\.0\.1:\d+$/);
});

test("no image, one without a server, and one that starts something else: one clear sentence each", {
  timeout: TIMEOUT_MS,
}, async () => {
  expect((await failure({ natsImage: "muster.invalid/nats:1", pull: "never" })).message).toMatch(
    /^The cluster "docker" cannot start: The Docker engine at .* has no image "muster\.invalid\/nats:1", and pull is "never": "docker pull muster\.invalid\/nats:1" gets it\.$/,
  );
  const advice = 'natsImage must be one that starts nats-server, as "nats:2-alpine" does.';
  const none = await failure({ natsImage: await imageThatStarts("/nowhere/nats-server") });
  expect(none.message).toMatch(/cannot be started in a container of the image ".*\/nowhere\/nats-server/);
  expect(none.message).toContain(advice);
  const other = await failure({ natsImage: await imageThatStarts("node") });
  expect(other.message).toMatch(/ does not run: it ended\. Its last lines: .*bad option: --config\. /);
  expect(other.message).toContain(advice);
});

/** Of the workers' image, for the rest of the test. */
async function imageThatStarts(program: string): Promise<string> {
  const name = `muster-e2e:${process.pid}-${++runs}`;
  const container = await docker.createContainer({ Image: WORKER_IMAGE });
  const [repo, tag] = name.split(":");
  await container.commit({ repo, tag, changes: `ENTRYPOINT ["${program}"]` });
  await container.remove();
  onTestFinished(() => docker.getImage(name).remove());
  return name;
}

test("a run whose server is killed fails, and says that it is not there", {
  timeout: 2 * TIMEOUT_MS,
}, async () => {
  const { runId, executor, cluster } = await start({});
  await cluster.waitForWorkers(1);
  await withContainersOf(runId, (container, labels) =>
    labels["muster.part"] === "nats" ? container.kill({ signal: "SIGKILL" }) : undefined,
  );
  const failed = executor.submit((a: number) => a + 1, [1]);
  await expect(failed).rejects.toThrow(/The NATS server at tls:.* cannot be used: /);
});
