import { createServer, type Server } from "node:net";
import { inspect } from "node:util";
import { type NatsConnection, nkeys } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { createIdentity } from "../../base/certificate.ts";
import { type ConnectNatsOptions, connectNats } from "./connect-nats.ts";
import { makeOperator } from "./nats-operator.test.kit.ts";
import { type NatsOptions, resolveNatsOptions } from "./nats-options.ts";
import { TestServer, type TestServerOptions } from "./nats-server.test.kit.ts";

const own = createIdentity({ name: "a server" });
const authority = createIdentity({ name: "an authority", isAuthority: true });
const signed = createIdentity({ name: "a server", hosts: ["nats.example"], issuer: authority });
const numbered = createIdentity({ name: "a server", hosts: ["127.0.0.1"], issuer: authority });
const client = createIdentity({ name: "a client", issuer: authority });
const stranger = createIdentity({ name: "a stranger" });

const ca = authority.certificate;
const user = { user: "me", password: "hunter2" };
const keys = nkeys.createUser();
const NKEY = { seed: new TextDecoder().decode(keys.getSeed()), key: keys.getPublicKey() };

function connected(options: NatsOptions, more?: Partial<ConnectNatsOptions>): Promise<NatsConnection> {
  return connectNats(resolveNatsOptions(options, { env: {} }), { name: "a test", ...more });
}

async function failure(options: NatsOptions, more?: Partial<ConnectNatsOptions>): Promise<Error> {
  try {
    await using _connection = await connected(options, more);
  } catch (error) {
    return error as Error;
  }
  throw new Error("It connected.");
}

/** A message that is said and heard. */
async function talks(connection: NatsConnection): Promise<boolean> {
  const subscription = connection.subscribe("test", { max: 1 });
  connection.publish("test", "hello");
  for await (const message of subscription) return message.string() === "hello";
  return false;
}

test.each<[string, TestServerOptions, NatsOptions]>([
  ["no credentials where none are needed", {}, {}],
  ["a user and password", { user }, user],
  ["a token", { token: "mine" }, { token: "mine" }],
  ["the oldest server that has to work", { version: "old", user }, user],
  [
    "TLS, and the server's own certificate, which has no name",
    { tls: { identity: own } },
    { ca: own.certificate },
  ],
  ["TLS, and an authority, by number", { tls: { identity: numbered } }, { ca }],
  [
    "TLS, and another name than the address's",
    { tls: { identity: signed } },
    { ca, tlsServerName: "nats.example" },
  ],
  [
    "TLS from the first word on",
    { tls: { identity: own, isFirst: true } },
    { ca: own.certificate, tlsFirst: true },
  ],
  [
    "a certificate of the client",
    { tls: { identity: numbered, clientAuthority: ca } },
    { ca, cert: client.certificate, key: client.key },
  ],
])("connects with %s", async (_name, server, options) => {
  await using started = await TestServer.start(server);
  await using connection = await connected({ servers: started.address, ...options });
  expect(await talks(connection)).toBe(true);
});

test("TLS is used where the server asks for it, whatever the address says", async () => {
  await using server = await TestServer.start({ tls: { identity: own } });
  const servers = server.address.replace("tls:", "nats:");
  expect(await failure({ servers })).toMatchObject({ trouble: "UNTRUSTED" });
  await using connection = await connected({ servers, ca: own.certificate });
  expect(await talks(connection)).toBe(true);
});

test("connects with an nkey", async () => {
  await using server = await TestServer.start({ nkey: NKEY.key });
  await using connection = await connected({ servers: server.address, nkey: NKEY.seed });
  expect(await talks(connection)).toBe(true);
});

test("connects with the credentials that an operator hands out, and not with another's", async () => {
  const { config, creds } = makeOperator();
  await using server = await TestServer.start({ config });
  await using connection = await connected({ servers: server.address, creds });
  expect(await talks(connection)).toBe(true);
  const error = await failure({ servers: server.address, creds: makeOperator().creds });
  expect(error).toMatchObject({ trouble: "UNAUTHORIZED" });
  expect(error.message).toContain(
    'it says "Authorization Violation" to the credentials that were given (creds).',
  );
});

test.each([
  ["nkey", { nkey: `SU${"A".repeat(56)}` }],
  ["creds", { creds: makeOperator().creds.replace(/\nSU.*\n/, "\nSUAAA\n") }],
])("a seed in %s that is none is refused, and not shown", async (option, options) => {
  const error = await failure({ servers: "nats://127.0.0.1:1", ...options });
  expect(error).toMatchObject({
    code: "INVALID_OPTION",
    message: expect.stringContaining(`The seed in ${option} cannot be used: `),
  });
  expect(inspect(error, { depth: 10 })).not.toContain("SUAAA");
});

test("connects with credentials in the address, which nothing of the connection shows", async () => {
  await using server = await TestServer.start({ user });
  const target = resolveNatsOptions({ servers: server.address.replace("//", "//me:hunter2@") }, { env: {} });
  await using connection = await connectNats(target, { name: "a test" });
  expect(await talks(connection)).toBe(true);
  expect(inspect(connection, { depth: 20 })).not.toContain("hunter2");
});

test("nothing of a connection with TLS shows the client's key", async () => {
  await using server = await TestServer.start({ tls: { identity: numbered, clientAuthority: ca } });
  const { certificate: cert, key } = client;
  await using connection = await connected({ servers: server.address, ca, cert, key });
  const [, secret] = key.split("\n");
  expect(inspect(connection, { depth: 20, maxStringLength: null })).not.toContain(secret);
});

test("connects through a WebSocket with TLS, and checks the certificate", async () => {
  await using server = await TestServer.start({ user, webSocket: numbered });
  const servers = server.webSocketAddress;
  expect(servers).toMatch(/^wss:/);
  await using connection = await connected({ servers, ca, ...user });
  expect(await talks(connection)).toBe(true);
  expect(await failure({ servers, ...user })).toMatchObject({ trouble: "UNTRUSTED" });
  expect(await failure({ servers, ...user, ca: stranger.certificate })).toMatchObject({
    trouble: "UNTRUSTED",
  });
  expect(await failure({ servers, ...user, ca, tlsServerName: "x" })).toMatchObject({ trouble: "UNTRUSTED" });
});

test("connects through a WebSocket", async () => {
  await using server = await TestServer.start({ user, webSocket: true });
  await using connection = await connected({ servers: server.webSocketAddress, ...user });
  expect(await talks(connection)).toBe(true);
});

test("connects to the one of several servers that is there, and says who it is", async () => {
  await using server = await TestServer.start();
  await using connection = await connected(
    { servers: ["nats://127.0.0.1:1,nats://nowhere.invalid", server.address] },
    { name: "muster run-1 driver" },
  );
  expect(connection.getServer()).toBe(`127.0.0.1:${server.port}`);
  expect((connection as unknown as { options: { name: string } }).options.name).toBe("muster run-1 driver");
});

test("hears itself, unless it is told not to", async () => {
  await using server = await TestServer.start();
  await using deaf = await connected({ servers: server.address }, { noEcho: true });
  await using other = await connected({ servers: server.address });
  const heard = deaf.subscribe("test", { max: 1 });
  await deaf.flush();
  deaf.publish("test", "of its own");
  await deaf.flush();
  other.publish("test", "of the other");
  for await (const message of heard) expect(message.string()).toBe("of the other");
});

const where = /The NATS server at \w+:\/\/[\w.]+:\d+ /;

test.each<[string, TestServerOptions, NatsOptions, string, string]>([
  [
    "nobody",
    { user },
    {},
    "UNAUTHORIZED",
    'it says "Authorization Violation" to a client that shows no credentials. Give credentials as MUSTER_NATS_USER and',
  ],
  [
    "a wrong password",
    { user },
    { user: "me", password: "hunter3" },
    "UNAUTHORIZED",
    'it says "Authorization Violation" to the user "me" with the password that was given. Correct the credentials',
  ],
  ["a wrong token", { token: "x" }, { token: "hunter3" }, "UNAUTHORIZED", "to the token that was given."],
  ["an nkey for a password", { user }, { nkey: NKEY.seed }, "UNAUTHORIZED", "to the nkey that was given."],
  [
    "no client certificate",
    { tls: { identity: numbered, clientAuthority: ca } },
    { ca },
    "UNAUTHORIZED",
    "it does not take a client without a certificate: tlsv13 alert certificate required. Name one that it trusts",
  ],
  [
    "a stranger's certificate",
    { tls: { identity: numbered, clientAuthority: ca } },
    { ca, cert: stranger.certificate, key: stranger.key },
    "UNAUTHORIZED",
    "it does not take the certificate of this client: ",
  ],
  [
    "a certificate that nobody trusts",
    { tls: { identity: own } },
    {},
    "UNTRUSTED",
    "its certificate is not trusted: self-signed certificate. Name the certificate of the authority that signed it, or its own, in clientKwargs.ca (or MUSTER_NATS_CA).",
  ],
  [
    "another authority",
    { tls: { identity: numbered } },
    { ca: stranger.certificate },
    "UNTRUSTED",
    "in clientKwargs.ca (or MUSTER_NATS_CA), which holds others.",
  ],
  [
    "another name",
    { tls: { identity: signed } },
    { ca },
    "UNTRUSTED",
    "its certificate is for another name: IP: 127.0.0.1 is not in the cert's list. Use a name that it has",
  ],
  [
    "a name that was asked for and is not there",
    { tls: { identity: numbered } },
    { ca, tlsServerName: "other.example" },
    "UNTRUSTED",
    "its certificate is for another name: Host: other.example. is not cert's CN: a server",
  ],
  [
    "TLS where there is none",
    {},
    { ca },
    "UNTRUSTED",
    "it speaks no TLS, which ca, cert, tlsServerName or tlsFirst asks for. Give the server a certificate; or use nats:// alone",
  ],
  [
    "TLS first where it comes second",
    { tls: { identity: own } },
    { ca: own.certificate, tlsFirst: true },
    "UNTRUSTED",
    "TLS fails: wrong version number. See the server's log; tlsFirst is for servers",
  ],
  [
    "a server that waits for TLS",
    { tls: { identity: own, isFirst: true } },
    { ca: own.certificate, connectTimeoutMs: 1000 },
    "UNREACHABLE",
    "what takes the connection does not speak NATS: it says nothing for 1.0 s. Something else may listen on port",
  ],
  [
    "a server without JetStream",
    { jetStream: false },
    {},
    "UNSUITABLE",
    "could not offer JetStream, which Muster needs: it is not enabled. Start the server with JetStream: nats-server --jetstream.",
  ],
  [
    "an account without JetStream",
    { config: `accounts { A { users: [{ user: "me", password: "hunter2" }] } }` },
    user,
    "UNSUITABLE",
    "could not offer JetStream, which Muster needs: JetStream not enabled for account (error 10039). Enable JetStream for the account of this user",
  ],
  [
    "a user who may not ask for JetStream",
    {
      config: `authorization { users: [{ user: "me", password: "hunter2", permissions: { publish: "test" } }] }`,
    },
    user,
    "FORBIDDEN",
    'Permissions Violation for Publish to "$JS.API.INFO". Allow it in the permissions of this user',
  ],
  [
    "a server for small messages",
    { maxPayload: 10_000 },
    {},
    "UNSUITABLE",
    "a message may have 10000 bytes at most, and must be able to have 65536. Raise max_payload",
  ],
])("%s: says so, and what to do", async (_name, server, options, trouble, message) => {
  await using started = await TestServer.start(server);
  const error = await failure({ servers: started.address, ...options });
  expect(error).toMatchObject({ name: "NatsError", code: "NATS", trouble });
  expect(error.message).toContain(message);
  expect(error.message).toMatch(where);
  expect(inspect(error, { depth: 10 })).not.toMatch(/hunter|PRIVATE/);
});

test("a server that takes no more connections is not waited for", async () => {
  await using server = await TestServer.start({ config: "max_connections: 1" });
  await using _connection = await connected({ servers: server.address });
  const error = await failure({ servers: server.address, connectTimeoutMs: 30_000 });
  expect(error).toMatchObject({ trouble: "LIMIT" });
  expect(error.message).toContain('it says "maximum connections exceeded". Raise that limit');
});

test.each([
  [
    "nats://127.0.0.1:1",
    "connect ECONNREFUSED 127.0.0.1:1. Nothing listens there: start the server, or correct the address.",
  ],
  ["ws://127.0.0.1:1", "connect ECONNREFUSED 127.0.0.1:1. Nothing listens there"],
  ["nats://me:hunter2@127.0.0.1:1", "The NATS server at nats://127.0.0.1:1 cannot be used: "],
  [
    "nats://nowhere.invalid",
    "getaddrinfo ENOTFOUND nowhere.invalid. There is no such name: correct the address.",
  ],
  [
    "nats://127.0.0.1:1,tls://127.0.0.1:2",
    "None of the NATS servers can be used: nats://127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1; tls://127.0.0.1:2: connect ECONNREFUSED 127.0.0.1:2.",
  ],
])("%s, where nobody is: says so", async (servers, message) => {
  const error = await failure({ servers });
  expect(error).toMatchObject({ trouble: "UNREACHABLE" });
  expect(error.message).toContain(message);
  expect(error.message).not.toContain("hunter2");
});

/** Something that is no NATS server: what it says to whoever comes. */
async function listener(says: string | undefined): Promise<Server & AsyncDisposable & { port: number }> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      if (says?.startsWith("INFO") === true && bytes.includes("PING")) socket.write("PONG\r\n");
    });
    if (says === undefined) socket.end();
    else socket.write(says);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return Object.assign(server, {
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

test.each([
  ["SSH-2.0-OpenSSH_9.9\r\n", "UNREACHABLE", 'does not speak NATS: it says "SSH-2.0-OpenSSH_9.9'],
  [undefined, "UNREACHABLE", "does not speak NATS: it closes the connection."],
  ["", "UNREACHABLE", "does not speak NATS: it says nothing for 0.5 s."],
  [
    'INFO {"server_id":"x","version":"2.9.25","proto":1,"headers":true,"max_payload":1048576,"jetstream":true}\r\n',
    "UNSUITABLE",
    "it is version 2.9.25, and 2.10 is the oldest that can be. Use a newer one.",
  ],
])("what says %j is no server to use", async (says, trouble, message) => {
  await using something = await listener(says);
  const error = await failure({
    servers: `nats://127.0.0.1:${something.port}`,
    connectTimeoutMs: says === "" ? 500 : 5000,
  });
  expect(error).toMatchObject({ trouble });
  expect(error.message).toContain(message);
});

test("a signal ends the wait for a server that says nothing, and no socket stays", async () => {
  await using silent = await listener("");
  const stop = new AbortController();
  const connecting = failure(
    { servers: `nats://127.0.0.1:${silent.port}`, connectTimeoutMs: 60_000 },
    { signal: stop.signal },
  );
  const [socket] = await new Promise<[NodeJS.EventEmitter]>((resolve) =>
    silent.once("connection", (...all) => resolve(all as never)),
  );
  stop.abort();
  expect(await connecting).toMatchObject({ code: "CANCELLED" });
  await new Promise((resolve) => socket!.once("close", resolve));
});

test("one process cannot be connected with and without WebSockets: the client would mix them up", async () => {
  await using server = await TestServer.start({ webSocket: true });
  {
    await using _connection = await connected({ servers: server.address });
    const error = await failure({ servers: server.webSocketAddress });
    expect(error).toMatchObject({ trouble: "UNSUITABLE" });
    expect(error.message).toContain("this process is connected to one without WebSockets");
  }
  await using _later = await connected({ servers: server.webSocketAddress });
});
