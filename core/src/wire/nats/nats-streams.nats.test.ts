import type { NatsConnection } from "@nats-io/transport-node";
import { expect, onTestFinished, test } from "vitest";
import { connectNats } from "./connect-nats.ts";
import { resolveNatsOptions } from "./nats-options.ts";
import { TestServer } from "./nats-server.test.kit.ts";
import type { NatsStream } from "./nats-stream.ts";
import { NatsDialer, NatsListener } from "./nats-streams.ts";

async function connected(server: TestServer): Promise<NatsConnection> {
  const connection = await connectNats(resolveNatsOptions({ servers: server.address }), { name: "test" });
  onTestFinished(() => connection.close());
  return connection;
}

/** What comes over a stream until it ends. */
function textOf(stream: NatsStream): Promise<string> {
  let text = "";
  stream.on("data", (bytes: Buffer) => {
    text += bytes;
  });
  return new Promise((resolve) => stream.once("end", () => resolve(text)));
}

test("nonsense costs the stream that it names, and nobody else anything", async () => {
  await using server = await TestServer.start();
  const [near, far, stranger] = await Promise.all([connected(server), connected(server), connected(server)]);
  const taken: NatsStream[] = [];
  const subject = "muster.run.run-1";
  const listener = new NatsListener({ connection: near, subject }, (stream) => {
    stream.on("error", () => {});
    taken.push(stream);
  });
  const dialer = new NatsDialer({ connection: far, subject, name: "w-1" });
  await near.flush();

  const lost = dialer.dial();
  const kept = dialer.dial();
  const closed = new Promise((resolve) => lost.once("close", resolve));
  for (const stream of [lost, kept]) stream.write("hello");
  await expect.poll(() => taken.length).toBe(2);
  const heard = textOf(taken[1]!);
  for (const nonsense of ["", "no", "x".repeat(12)]) {
    stranger.publish(`${subject}.d.nobody.7`, nonsense);
    stranger.publish(`${subject}.w.w-1.99`, nonsense);
  }
  stranger.publish(`${subject}.d.w-1.1`, "no");
  await closed;
  kept.end(" and goodbye");
  expect(await heard).toBe("hello and goodbye");
  expect([near, far].map((connection) => connection.isClosed())).toEqual([false, false]);
  dialer.close();
  listener.close();
});
