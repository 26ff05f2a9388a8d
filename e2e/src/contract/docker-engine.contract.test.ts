import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cluster, ClusterStartError, EventLog, TemporaryClusterExecutor } from "@muster/core";
import { DockerCluster, type DockerClusterOptions, leases } from "@muster/docker";
import { expect, onTestFinished, test, vi } from "vitest";
import { Child } from "../support/child.ts";
import { containersOf, docker, runInContainer, withContainersOf } from "./docker-containers.ts";
import { EngineProxy } from "./engine-proxy.ts";

/* What is Docker's own, beyond the contract of all providers. */

const TIMEOUT_MS = 60_000;
let runs = 0;

async function start(kwargs: DockerClusterOptions) {
  const runId = `run-docker-${process.pid}-${++runs}`;
  const events = new EventLog();
  const executor = await new TemporaryClusterExecutor({
    clusterClass: DockerCluster,
    clusterKwargs: { workers: 1, ...kwargs },
  }).start({ runId, flowName: "docker", events });
  onTestFinished(async () => {
    await executor.close();
    expect(await containersOf(runId)).toEqual([]);
  });
  return { runId, executor, cluster: executor.cluster! };
}

async function inspect(runId: string) {
  const all: Awaited<ReturnType<ReturnType<typeof docker.getContainer>["inspect"]>>[] = [];
  await withContainersOf(runId, async (container) => void all.push(await container.inspect()));
  return all[0]!;
}

const failure = (start: Promise<unknown>): Promise<Error> =>
  start.then(
    () => Promise.reject(new Error("It did not fail.")),
    (error: Error) => error,
  );

test("neither token nor certificate can be seen from outside of the container", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { runId, cluster } = await start({ env: { OWN: "1" } });
  await cluster.waitForWorkers(1);
  const facts = await inspect(runId);
  const names = facts.Config.Env.map((line) => line.split("=")[0]);
  expect(names).toContain("OWN");
  expect(names).toContain("MUSTER_ADDRESS");
  expect(JSON.stringify(facts)).not.toMatch(/MUSTER_TOKEN|MUSTER_CERTIFICATE|BEGIN CERTIFICATE/);
  expect(JSON.stringify([facts.Config, facts.HostConfig, facts.Mounts, facts.Args])).not.toMatch(
    /\b[0-9a-f]{64}\b/,
  );
  expect(facts.NetworkSettings.Ports).toEqual({});
  expect(facts.Config.Labels).toMatchObject({
    "muster.run": runId,
    "muster.flow": "docker",
    "muster.worker": "w-1",
  });
});

test("options become what the container is", { timeout: TIMEOUT_MS }, async () => {
  const volumes = [`${tmpdir()}:/data:ro`];
  const own = { labels: { team: "a" }, user: "node", cpus: 0.5, memory: "512MiB", volumes };
  const { runId, cluster, executor } = await start(own);
  const who = (): unknown => process.getuid?.();
  expect(await executor.submit(who, [])).toBe(1000);
  await cluster.waitForWorkers(1);
  const { Config: config, HostConfig: host } = await inspect(runId);
  expect(config.Labels).toMatchObject({ team: "a" });
  expect(host).toMatchObject({ NanoCpus: 5e8, Memory: 512 * 2 ** 20, Binds: volumes });
});

test("a network of one's own", { timeout: TIMEOUT_MS }, async () => {
  const name = `muster-e2e-${process.pid}`;
  const network = await docker.createNetwork({ Name: name });
  onTestFinished(async () => {
    await network.remove();
  });
  const { runId, executor } = await start({ network: name });
  expect(await executor.submit((a: number) => a + 1, [1])).toBe(2);
  expect(Object.keys((await inspect(runId)).NetworkSettings.Networks)).toEqual([name]);
  // The container has to leave the network before that can go.
  await executor.close();
});

test("a port scan from another container finds TLS, and no word without the token", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { runId, executor, cluster } = await start({});
  await cluster.waitForWorkers(1);
  const address = (await inspect(runId)).Config.Env.find((line) => line.startsWith("MUSTER_ADDRESS="))!;
  const { hostname: host, port, protocol } = new URL(address.slice("MUSTER_ADDRESS=".length));
  expect(protocol).toBe("tls:");
  const scan = `
    const target = { host: "${host}", port: ${port} };
    const heard = (socket, words) => new Promise((resolve) => {
      const chunks = [];
      socket.on("data", (chunk) => chunks.push(chunk)).on("error", () => {});
      socket.on("close", () => resolve(Buffer.concat(chunks).toString("hex")));
      socket.write(words);
    });
    const { connect } = require("node:net");
    const tls = require("node:tls");
    (async () => {
      const plain = await heard(connect(target), "GET / HTTP/1.1\\r\\n\\r\\n");
      const secure = await heard(tls.connect({ ...target, rejectUnauthorized: false }), Buffer.alloc(100, "MSTR"));
      console.log("heard " + JSON.stringify({ plain, secure }));
    })();`;
  const { plain, secure } = JSON.parse(
    (await runInContainer(["node", "--eval", scan])).replace(/^heard /, ""),
  );
  // An alert of TLS, or nothing.
  expect(plain).toMatch(/^(15.*)?$/);
  expect(secure).toBe("");
  expect(await executor.submit((a: number) => a + 1, [1])).toBe(2);
});

test("no engine, no network, no Node: one clear sentence each", { timeout: TIMEOUT_MS }, async () => {
  const none = await failure(start({ docker: { socketPath: "/nowhere/docker.sock" } }));
  expect(none).toBeInstanceOf(ClusterStartError);
  expect(none.message).toBe(
    'The cluster "docker" cannot start: Docker does not run, or not at /nowhere/docker.sock: start it, or set DOCKER_HOST to where it is (connect ENOENT /nowhere/docker.sock).',
  );
  const noNetwork = await failure(start({ network: "no-such-network" }));
  expect(noNetwork.message).toBe(
    'The cluster "docker" cannot start: The Docker engine has no network "no-such-network": "docker network create no-such-network" makes it.',
  );
  const { executor } = await start({ image: "nats:2-alpine" });
  const noNode = await failure(executor.submit((a: number) => a, [1]) as unknown as Promise<unknown>);
  expect(noNode.message).toContain("its image has no Node, which a worker needs (22 or newer)");
});

test("a lease is renewed whatever becomes of the driver's clock, and while its container is paused", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { runId, cluster } = await start({ leaseTimeoutMs: 2000 });
  await cluster.waitForWorkers(1);
  const lease = async () => (await leases.list()).find((one) => one.runId === runId)!;
  const now = Date.now;
  const clock = vi.spyOn(Date, "now");
  onTestFinished(() => clock.mockRestore());
  const marks: string[] = [];
  for (const setByMs of [-3_600_000, 3_600_000]) {
    clock.mockImplementation(() => now() + setByMs);
    await withContainersOf(runId, (container) =>
      marks.length === 0 ? container.pause() : container.unpause(),
    );
    const { renewal } = await lease();
    marks.push(renewal!.mark);
    // The next renewal may have been on its way before the clock was set.
    for (let renewals = 0; renewals < 2; ) {
      const { mark } = (await lease()).renewal!;
      if (mark !== marks.at(-1)) renewals++;
      marks.push(mark);
    }
    expect(await lease()).toMatchObject({ driver: "lives" });
    expect((await lease()).expiresInMs).toBeGreaterThan(0);
  }
});

test("muster cluster ls against an engine that hangs names it, and what it was asked", {
  timeout: TIMEOUT_MS,
}, async () => {
  const engine = createServer(() => {});
  const directory = mkdtempSync(join(tmpdir(), "muster-hangs-"));
  const path = join(directory, "docker.sock");
  await new Promise<void>((resolve) => engine.listen(path, resolve));
  onTestFinished(() => {
    engine.close();
    rmSync(directory, { recursive: true });
  });
  const env = { DOCKER_HOST: `unix://${path}` };
  await using child = Child.muster(["cluster", "ls", "--provider", "docker"], { env });
  const { exitCode, stderr } = await child.ended;
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(
    /^docker: The Docker engine at .*docker\.sock was asked to (list its containers|tell its time), and has not answered for 20 s: .*\n$/,
  );
});

test("an event stream that breaks is made again, and nothing is missed", {
  timeout: TIMEOUT_MS,
}, async () => {
  await using proxy = await EngineProxy.start();
  const { runId, executor, cluster } = await start({ docker: { socketPath: proxy.path } });
  await cluster.waitForWorkers(1);
  const [worker] = cluster.workers;
  const gone = goneFrom(cluster, worker!.id);
  proxy.cut();
  await withContainersOf(runId, (container) => container.kill({ signal: "SIGKILL" }));
  proxy.mend();
  expect(await executor.submit((a: number) => a + 1, [1])).toBe(2);
  await gone;
  expect(cluster.workers.map(({ id }) => id)).not.toContain(worker!.id);
});

test("a run that is closed does not wait for an engine that stopped answering", {
  timeout: 40_000,
}, async () => {
  await using proxy = await EngineProxy.start();
  const { executor, cluster } = await start({ docker: { socketPath: proxy.path } });
  await cluster.waitForWorkers(1);
  proxy.hold();
  cluster.scale(2);
  for await (const event of cluster.events)
    if (event.type === "worker" && event.worker === "w-2" && event.state === "launching") break;
  // Else it takes the deadlines of a launch, of a removal and of a list: a minute and a half.
  await executor.close();
  proxy.mend();
});

/** Resolves when the cluster knows that a worker is gone. */
async function goneFrom(cluster: Cluster, id: string): Promise<void> {
  for await (const event of cluster.events) {
    if (event.type === "worker" && event.worker === id && event.state === "gone") return;
  }
}
