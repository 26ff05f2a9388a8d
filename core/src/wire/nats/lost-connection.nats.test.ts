import type { Socket } from "node:net";
import type { NatsConnection, Status } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { connectNats } from "./connect-nats.ts";
import { resolveNatsOptions } from "./nats-options.ts";
import { TestNetwork, TestServer } from "./nats-server.test.kit.ts";

const connected = (port: number, scheme = "nats"): Promise<NatsConnection> =>
  connectNats(resolveNatsOptions({ servers: `${scheme}://127.0.0.1:${port}` }, { env: {} }), {
    name: "a test",
  });

/** Resolves when the connection says so. */
async function says(connection: NatsConnection, type: Status["type"]): Promise<void> {
  for await (const status of connection.status()) if (status.type === type) return;
}

/** A message that is said, and heard by the same connection. */
async function hears(connection: NatsConnection, text: string): Promise<boolean> {
  const subscription = connection.subscribe("test", { max: 1 });
  connection.publish("test", text);
  for await (const message of subscription) return message.string() === text;
  return false;
}

test("a server that was killed and comes back has its clients back", async () => {
  await using server = await TestServer.start();
  await using connection = await connected(server.port);
  const back = says(connection, "reconnect");
  await server.kill();
  await server.restart();
  await back;
  expect(await hears(connection, "again")).toBe(true);
});

test.each(["nats", "ws"])("a %s:// network that was cut and is mended has both ends back", async (scheme) => {
  await using server = await TestServer.start({ webSocket: true });
  await using network = await TestNetwork.to(scheme === "ws" ? server.webSocketPort : server.port);
  await using connection = await connected(network.port, scheme);
  const [lost, back] = [says(connection, "disconnect"), says(connection, "reconnect")];
  network.cut();
  await lost;
  network.mend();
  await back;
  expect(await hears(connection, "again")).toBe(true);
});

test.each(["nats", "ws"])(
  "a %s:// network that swallows all is noticed, with much still to send",
  async (scheme) => {
    await using server = await TestServer.start({ webSocket: true });
    await using network = await TestNetwork.to(scheme === "ws" ? server.webSocketPort : server.port);
    await using connection = await connected(network.port, scheme);
    const [lost, back] = [says(connection, "disconnect"), says(connection, "reconnect")];
    network.freeze();
    // More than the buffers of two sockets of the system hold.
    for (let sent = 0; sent < 64; sent++) connection.publish("test", new Uint8Array(1_000_000));
    await lost;
    network.mend();
    await back;
    expect(await hears(connection, "again")).toBe(true);
  },
);

test("credentials that are taken away, and given back, lose no connection for good", async () => {
  const user = { user: "me", password: "mine" };
  await using server = await TestServer.start({ user });
  const target = resolveNatsOptions({ servers: server.address, ...user }, { env: {} });
  await using connection = await connectNats(target, { name: "a test" });
  const refused = (async () => {
    let times = 0;
    for await (const status of connection.status())
      if (status.type === "error" && /Authorization Violation/.test(status.error.message) && ++times === 3)
        return;
  })();
  const back = says(connection, "reconnect");
  await server.restart({ user: { user: "other", password: "x" } });
  await refused;
  await server.restart({ user });
  await back;
  expect(await hears(connection, "again")).toBe(true);
});

test.each([
  ["nats", "cut"],
  ["nats", "freeze"],
  ["ws", "cut"],
  ["ws", "freeze"],
] as const)(
  "one with %s:// that is closed after a %s of the network leaves no socket",
  async (scheme, how) => {
    await using server = await TestServer.start({ webSocket: true });
    await using network = await TestNetwork.to(scheme === "ws" ? server.webSocketPort : server.port);
    const before = sockets();
    const connection = await connected(network.port, scheme);
    const trying = says(connection, "reconnecting");
    network[how]();
    await trying;
    await connection.close();
    await expect.poll(() => sockets() - network.ends, { timeout: 5000 }).toBe(before);
  },
);

/** Those that this process has open. */
function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}

test("a connection that is closed just as its server hangs up, with something still to send, ends no process", async () => {
  await using server = await TestServer.start();
  const connection = await connected(server.port);
  const { transport } = (connection as unknown as { protocol: { transport: { socket: Socket } } }).protocol;
  const { socket } = transport;
  const closed = new Promise<void>((resolve) => {
    // The client hangs up as well, and does not know it yet.
    const end = socket.end.bind(socket);
    socket.end = () => {
      queueMicrotask(() => {
        connection.publish("test", "too late");
        resolve(connection.close());
      });
      return end();
    };
  });
  await server.kill();
  await closed;
  // An error that nobody hears ends a process in the next turn; Vitest tells of it as a failure.
  await new Promise(setImmediate);
});
