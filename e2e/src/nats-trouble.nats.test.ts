import { type AddressInfo, createServer } from "node:net";
import { inspect } from "node:util";
import { EventLog, type RunningExecutor, TemporaryClusterExecutor } from "@muster/core";
import { expect, onTestFinished, test, vi } from "vitest";
import { localWorkers } from "./support/clusters.ts";
import { blobDirectoriesOf, processesWith } from "./support/left-behind.ts";
import { NatsServer, type NatsServerSetup } from "./support/nats.ts";

/* What a server of NATS refuses or cannot do, as somebody sees it who runs something at it. */

const ME = { MUSTER_NATS_USER: "me", MUSTER_NATS_PASSWORD: "mine" };
const who = { user: "me", pass: "mine" };
/** An account of one user, with limits. */
const limited = (limits: string): NatsServerSetup => ({
  config: `accounts { TEST { users: [{ user: me, password: mine }], jetstream { ${limits} } } }`,
});
let runs = 0;

/** Starts an executor at the server, and does something with it. What is thrown by either, once nothing of it is left. */
async function failureAt(
  address: string,
  env: Readonly<Record<string, string>>,
  act: (executor: RunningExecutor) => PromiseLike<unknown> = () => Promise.resolve(),
): Promise<Error> {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  const runId = `run-nats-trouble-${process.pid}-${++runs}`;
  const before = blobDirectoriesOf(process.pid);
  let executor: RunningExecutor | undefined;
  let thrown: Error;
  try {
    executor = await localWorkers({ workers: 1, engine: address as `nats://${string}` }).start({
      runId,
      events: new EventLog(),
    });
    await act(executor);
    thrown = new Error("Nothing was thrown.");
  } catch (error) {
    thrown = error as Error;
  }
  await executor?.close();
  expect(processesWith(`MUSTER_RUN_ID=${runId}`)).toEqual([]);
  expect(blobDirectoriesOf(process.pid)).toEqual(before);
  return thrown;
}

/** What is in the server of any run. */
async function leftIn(server: NatsServer): Promise<string[]> {
  const { streams } = (await server.ask("$JS.API.STREAM.NAMES", { who })) as { streams?: string[] | null };
  const left = (streams ?? []).filter((name) => name.startsWith("OBJ_"));
  if (streams?.includes("KV_muster-runs") !== true) return left;
  const { state } = (await server.ask("$JS.API.STREAM.INFO.KV_muster-runs", { who })) as {
    state: { messages: number };
  };
  return state.messages === 0 ? left : [...left, `${state.messages} leases`];
}

test("no server, and a server that is none", async () => {
  const none = await failureAt("nats://127.0.0.1:1", {});
  expect(none).toMatchObject({ code: "NATS", trouble: "UNREACHABLE" });
  expect(none.message).toBe(
    "The NATS server at nats://127.0.0.1:1 cannot be used: connect ECONNREFUSED 127.0.0.1:1. Nothing listens there: start the server, or correct the address.",
  );
  await using other = await Saying.start("220 mail.example.org ESMTP\r\n");
  expect((await failureAt(other.address, {})).message).toContain(
    'what takes the connection does not speak NATS: it says "220 mail.example.org ESMTP". Something else may listen on port',
  );
});

test("credentials that are wrong, and none: no message shows them", async () => {
  await using server = await NatsServer.start("NATS_SERVER_BIN", limited("max_file: 1GB"));
  const wrong = await failureAt(server.address, { ...ME, MUSTER_NATS_PASSWORD: "s3cret" });
  expect(wrong).toMatchObject({ code: "NATS", trouble: "UNAUTHORIZED" });
  expect(wrong.message).toBe(
    `The NATS server at ${server.address} cannot be used: it says "Authorization Violation" to the user "me" with the password that was given. Correct the credentials, or add them to the server's configuration.`,
  );
  expect(inspect(wrong, { depth: 10 })).not.toContain("s3cret");
  const none = await failureAt(server.address, { MUSTER_NATS_USER: "", MUSTER_NATS_PASSWORD: "" });
  expect(none.message).toContain(
    "to a client that shows no credentials. Give credentials as MUSTER_NATS_USER and MUSTER_NATS_PASSWORD, MUSTER_NATS_TOKEN,",
  );
  expect(await leftIn(server)).toEqual([]);
});

test("no JetStream", async () => {
  await using server = await NatsServer.start("NATS_SERVER_BIN", { jetStream: false });
  expect((await failureAt(server.address, {})).message).toBe(
    `The NATS server at ${server.address} could not offer JetStream, which Muster needs: it is not enabled. Start the server with JetStream: nats-server --jetstream.`,
  );
});

test("a version that is too old, and the oldest that is not", async () => {
  const info = { server_id: "X", version: "2.9.25", max_payload: 1_048_576, headers: true, proto: 1 };
  await using old = await Saying.start(`INFO ${JSON.stringify(info)}\r\n`);
  expect((await failureAt(old.address, {})).message).toBe(
    `The NATS server at ${old.address} cannot be used: it is version 2.9.25, and 2.10 is the oldest that can be. Use a newer one.`,
  );
  await using server = await NatsServer.start("NATS_OLD_SERVER_BIN");
  const length = async (executor: RunningExecutor): Promise<void> => {
    expect(await executor.submit((bytes: Uint8Array) => bytes.length, [new Uint8Array(2e6)])).toBe(2e6);
  };
  expect((await failureAt(server.address, {}, length)).message).toBe("Nothing was thrown.");
  expect(await leftIn(server)).toEqual([]);
});

test("no room for another stream", async () => {
  await using server = await NatsServer.start("NATS_SERVER_BIN", limited("max_streams: 1"));
  await server.ask("$JS.API.STREAM.CREATE.theirs", { body: { name: "theirs", subjects: ["theirs"] }, who });
  const error = await failureAt(server.address, ME);
  expect(error).toMatchObject({ code: "NATS", trouble: "LIMIT" });
  expect(error.message).toMatch(
    /^The NATS server at .*:\d+ could not (keep the lease|make the object store) of a run: maximum number of streams reached \(error 10027\)\. Raise max_streams of the account, or delete streams that nobody needs\.$/,
  );
  expect(await leftIn(server)).toEqual([]);
});

test("no room for what a run at a pool needs", async () => {
  await using server = await NatsServer.start("NATS_SERVER_BIN", limited("max_streams: 2"));
  const executor = new TemporaryClusterExecutor({
    address: server.address,
    clientKwargs: { user: "me", password: "mine" },
  });
  const error = await executor.start({ events: new EventLog() }).then(
    () => new Error("Nothing was thrown."),
    (thrown: Error) => thrown,
  );
  expect(error.message).toMatch(
    /^The NATS server .*could not make .*: maximum number of streams reached \(error 10027\)\. Raise max_streams of the account, or delete streams that nobody needs\.$/,
  );
  expect(await leftIn(server)).toEqual([]);
});

test("room for the lease of a run, and none for its large values: the lease is not left", async () => {
  await using server = await NatsServer.start("NATS_SERVER_BIN", limited("max_streams: 1"));
  // The bucket of the leases, as it would be made.
  const bucket = {
    name: "KV_muster-runs",
    subjects: ["$KV.muster-runs.>"],
    max_msgs_per_subject: 1,
    max_age: 60e9,
    storage: "file",
    discard: "new",
    allow_rollup_hdrs: true,
    allow_direct: true,
    deny_delete: true,
    num_replicas: 1,
  };
  await server.ask("$JS.API.STREAM.CREATE.KV_muster-runs", { body: bucket, who });
  expect((await failureAt(server.address, ME)).message).toContain(
    "could not make the object store of a run: maximum number of streams reached (error 10027). Raise max_streams",
  );
  expect(await leftIn(server)).toEqual([]);
});

const make = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(1);
const measure = (bytes: Uint8Array): number => bytes.length;

test.each<[string, (executor: RunningExecutor) => PromiseLike<unknown>]>([
  ["a result", (executor) => executor.submit(make, [4e6])],
  ["an argument", (executor) => executor.submit(measure, [make(4e6)])],
])("%s for which the account has no room fails its task alone, and takes none away", async (_what, act) => {
  await using server = await NatsServer.start("NATS_SERVER_BIN", limited("max_file: 2MB"));
  const error = await failureAt(server.address, ME, async (executor) => {
    const failed = await Promise.resolve(act(executor)).catch((thrown: unknown) => thrown);
    // What fits still does.
    expect(await executor.submit(measure, [executor.submit(make, [1e6])])).toBe(1e6);
    throw failed;
  });
  expect(error.message).toMatch(
    /^The NATS server at .*:\d+ could not store a large value: resource limits exceeded for account \(error 10002\)\. Raise the limit of the account \(or max_file_store and max_memory_store of the server\), or delete streams that nobody needs\.$/,
  );
  expect(error).toMatchObject({ code: "NATS" });
  expect(await leftIn(server)).toEqual([]);
});

test("messages that are smaller than usual do, and ones that are too small do not", async () => {
  await using small = await NatsServer.start("NATS_SERVER_BIN", { config: "max_payload: 65536" });
  const there = async (executor: RunningExecutor): Promise<void> => {
    expect(await executor.submit(measure, [executor.submit(make, [2e6])])).toBe(2e6);
    const list = Array.from({ length: 20_000 }, (_, index) => `element ${index}`);
    expect(await executor.submit((all: string[]) => all.length, [list])).toBe(20_000);
  };
  expect((await failureAt(small.address, {}, there)).message).toBe("Nothing was thrown.");
  await using tiny = await NatsServer.start("NATS_SERVER_BIN", { config: "max_payload: 8000" });
  expect((await failureAt(tiny.address, {})).message).toBe(
    `The NATS server at ${tiny.address} cannot be used: a message may have 8000 bytes at most, and must be able to have 65536. Raise max_payload in its configuration.`,
  );
});

test("neither inspect nor JSON of an executor shows what lets it in", () => {
  const executors = [
    new TemporaryClusterExecutor({ address: "nats://me:s3cret@a", clientKwargs: {} }),
    new TemporaryClusterExecutor({
      address: "nats://a",
      clientKwargs: { user: "me", password: "s3cret" },
    }),
    new TemporaryClusterExecutor({ clusterKwargs: { engine: "nats://me:s3cret@a" } }),
  ];
  for (const executor of executors)
    expect(inspect(executor, { depth: 10, showHidden: true }) + JSON.stringify(executor)).not.toContain(
      "s3cret",
    );
});

/** What says something to whoever connects, and answers a ping. */
class Saying implements AsyncDisposable {
  readonly #server;

  private constructor(words: string) {
    this.#server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (heard) => {
        if (String(heard).includes("PING")) socket.write("PONG\r\n");
      });
      socket.write(words);
    });
  }

  static async start(words: string): Promise<Saying> {
    const saying = new Saying(words);
    await new Promise<void>((resolve) => saying.#server.listen(0, "127.0.0.1", resolve));
    return saying;
  }

  get address(): string {
    return `nats://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
