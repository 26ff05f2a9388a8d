import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { Objm } from "@nats-io/obj";
import type { NatsConnection } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { connectNats } from "./connect-nats.ts";
import { explainNats } from "./explain-nats.ts";
import { NatsError } from "./nats-error.ts";
import { resolveNatsOptions } from "./nats-options.ts";
import { TestServer, type TestServerOptions } from "./nats-server.test.kit.ts";

const user = { user: "me", password: "mine" };

async function connected(server: TestServer): Promise<NatsConnection> {
  return connectNats(resolveNatsOptions({ servers: server.address, ...user }, { env: {} }), {
    name: "a test",
  });
}

const addStream = async (connection: NatsConnection, name: string, more: object = {}): Promise<void> => {
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name, subjects: [`${name}.>`], ...more });
};

/** What is done with a connection, what the server says to it, and what to do. */
type Row = [
  name: string,
  server: TestServerOptions,
  act: (connection: NatsConnection) => Promise<unknown>,
  trouble: string,
  message: string,
];

const rows: readonly Row[] = [
  [
    "more streams than an account may have",
    { user, jetStream: { max_streams: 1 } },
    async (connection) => {
      await addStream(connection, "one");
      await addStream(connection, "two");
    },
    "LIMIT",
    "maximum number of streams reached (error 10027). Raise max_streams of the account",
  ],
  [
    "a store that is larger than an account may have",
    { user, jetStream: { max_file: "1MB" } },
    async (connection) => addStream(connection, "one", { max_bytes: 2_000_000 }),
    "LIMIT",
    "insufficient storage resources available (error 10047). Raise the limit of the account",
  ],
  [
    "more than the account may store",
    { user, jetStream: { max_file: "100KB" } },
    async (connection) => {
      await addStream(connection, "one");
      for (let stored = 0; stored < 10; stored++)
        await jetstream(connection).publish("one.x", new Uint8Array(50_000));
    },
    "LIMIT",
    "resource limits exceeded for account (error 10002). Raise the limit of the account",
  ],
  [
    "more than a stream may hold",
    { user },
    async (connection) => {
      await addStream(connection, "one", { max_bytes: 100_000, discard: "new" });
      for (let stored = 0; stored < 10; stored++)
        await jetstream(connection).publish("one.x", new Uint8Array(50_000));
    },
    "LIMIT",
    "maximum bytes exceeded (error 10077).",
  ],
  [
    "a message that is larger than those of the stream",
    { user },
    async (connection) => {
      await addStream(connection, "one", { max_msg_size: 1000 });
      await jetstream(connection).publish("one.x", new Uint8Array(2000));
    },
    "LIMIT",
    "message size exceeds maximum allowed (error 10054). Raise the largest message of the stream",
  ],
  [
    "a message that is larger than the server takes",
    { user, maxPayload: 100_000 },
    async (connection) => connection.publish("test", new Uint8Array(200_000)),
    "LIMIT",
    "the message is larger than the server takes. Raise max_payload in its configuration.",
  ],
  [
    "more consumers than there may be",
    { user, jetStream: { max_consumers: 1 } },
    async (connection) => {
      await addStream(connection, "one");
      const { consumers } = await jetstreamManager(connection);
      for (const name of ["a", "b"])
        await consumers.add("one", { durable_name: name, ack_policy: AckPolicy.Explicit });
    },
    "LIMIT",
    "maximum consumers limit reached (error 10026). Raise max_consumers of the account or the stream.",
  ],
  [
    "a bucket where there is no room for it",
    { user, jetStream: { max_streams: 1 } },
    async (connection) => {
      await addStream(connection, "one");
      await new Kvm(connection).create("bucket");
    },
    "LIMIT",
    "maximum number of streams reached (error 10027).",
  ],
  [
    "an object that is larger than the account may store",
    { user, jetStream: { max_file: "1MB" } },
    async (connection) => {
      const store = await new Objm(connection).create("objects");
      await store.putBlob({ name: "large" }, new Uint8Array(4_000_000));
    },
    "LIMIT",
    "resource limits exceeded for account",
  ],
  [
    "a subject that is not allowed",
    {
      config: `authorization { users: [{ user: "me", password: "mine", permissions: { publish: { deny: "$JS.API.STREAM.>" } } }] }`,
    },
    async (connection) => addStream(connection, "one"),
    "FORBIDDEN",
    'Permissions Violation for Publish to "$JS.API.STREAM.CREATE.one". Allow it in the permissions of this user',
  ],
  [
    "a stream that is not there",
    { user },
    async (connection) => (await jetstreamManager(connection)).streams.info("nowhere"),
    "OTHER",
    "stream not found (error 10059).",
  ],
  [
    "a request that nobody answers",
    { user },
    async (connection) => connection.request("nobody", "", { timeout: 1000 }),
    "LOST",
    "no responders: 'nobody'. Whoever answers there is not connected.",
  ],
  [
    "a connection that is closed",
    { user },
    async (connection) => {
      await connection.close();
      connection.publish("test", "x");
    },
    "LOST",
    "the connection is closed (closed connection).",
  ],
];

test.each(rows)("%s: says so, and what to do", async (_name, options, act, trouble, message) => {
  await using server = await TestServer.start(options);
  const connection = await connected(server);
  try {
    const thrown = await act(connection).then(
      () => new Error("Nothing was thrown."),
      (error: unknown) => error,
    );
    const error = explainNats(thrown, "do what was asked", server.address);
    expect(error).toBeInstanceOf(NatsError);
    expect(error.message).toContain(`The NATS server at ${server.address} could not do what was asked: `);
    expect(error.message).toContain(message);
    expect(error).toMatchObject({ code: "NATS", trouble });
    expect(error.cause).toBe(thrown);
  } finally {
    await connection.close();
  }
});

test("an answer that does not come in time", async () => {
  await using server = await TestServer.start({ user });
  await using connection = await connected(server);
  connection.subscribe("silent");
  const thrown = await connection.request("silent", "", { timeout: 200 }).catch((error: unknown) => error);
  expect(explainNats(thrown, "answer")).toMatchObject({
    trouble: "LOST",
    message:
      "The NATS server could not answer: it gave no answer in time. It may be overloaded, or the network between is cut: see its log.",
  });
});

test("what is explained is not explained again", () => {
  const error = new NatsError("LIMIT", "It was enough.");
  expect(explainNats(error, "do more")).toBe(error);
});
