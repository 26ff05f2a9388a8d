import { randomBytes } from "node:crypto";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, createServer } from "node:tls";
import { expect, test } from "vitest";
import { createIdentity } from "../../base/certificate.ts";
import { systemClock } from "../../base/clock.ts";
import { Channel } from "../../wire/channel.ts";
import { type DialTarget, dial } from "../../wire/dial.ts";
import { packMessage } from "../../wire/message.ts";
import { FrameType, preamble } from "../../wire/protocol.ts";
import { Listener } from "./hub.test.kit.ts";
import { HubEngine } from "./hub-engine.ts";

const run = {
  flowRunId: "run-1",
  flowName: "test",
  image: undefined,
  logLevel: "info",
  parameters: undefined,
} as const;

/** A hub that listens for workers elsewhere; here, they are on the loopback interface. */
async function startHub(): Promise<{
  hub: HubEngine;
  target: DialTarget & { at: { host: string; port: number } };
}> {
  const hub = new HubEngine({ clock: systemClock, run, address: { listen: "127.0.0.1" } });
  await hub.start(new Listener());
  const { address, token, certificate } = hub.endpoint;
  const { hostname: host, port } = new URL(address);
  return { hub, target: { at: { host, port: Number(port) }, token, certificate } };
}

/** What comes over a socket until it closes. */
function received(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => {});
  return new Promise((resolve) => socket.on("close", () => resolve(Buffer.concat(chunks))));
}

/** The type of the first frame that comes after a worker said who it is. */
function firstAnswer(target: DialTarget): Promise<number> {
  return new Promise((resolve, reject) => {
    const channel = new Channel(dial(target), {
      frame: (type) => {
        resolve(type);
        channel.destroy();
      },
      closed: (error) => reject(error ?? new Error("closed")),
    });
    const place = { node: "v24", pid: 1, host: "here" };
    const hello = { workerId: "w-1", ...place, threads: 1, tasksPerThread: 1, resources: {} };
    channel.send(FrameType.hello, packMessage(hello));
  });
}

test("off this machine it speaks TLS, with a certificate that workers are given, and welcomes them", async () => {
  const { hub, target } = await startHub();
  await using _ = hub;
  expect(hub.endpoint.address).toMatch(/^tls:\/\/127\.0\.0\.1:\d+\?pulse=\d+$/);
  expect(await firstAnswer(target)).toBe(FrameType.welcome);
});

test("its pulse answers who shows the token, over TLS as well", async () => {
  const { hub, target } = await startHub();
  await using _ = hub;
  const port = Number(new URL(hub.endpoint.address).searchParams.get("pulse"));
  const at = { host: "127.0.0.1", port };
  expect((await received(dial({ ...target, at }))).toString()).toBe("1");
  const stranger = dial({ ...target, at, token: randomBytes(32).toString("hex") });
  expect((await received(stranger)).length).toBe(0);
});

test("a port scan learns nothing: without TLS, with an older TLS, or without the token it is closed", async () => {
  const { hub, target } = await startHub();
  await using _ = hub;
  const { at, certificate, token } = target;
  const plain = connectTcp(at);
  plain.write("GET / HTTP/1.1\r\n\r\n");
  // What comes, if anything, is an alert of TLS: that this was none.
  expect((await received(plain)).subarray(0, 1).toString("hex")).toMatch(/^(15)?$/);
  // The token itself is worth nothing without TLS.
  const unencrypted = connectTcp(at);
  unencrypted.write(preamble(token));
  expect((await received(unencrypted)).length).toBeLessThan(10);
  const old = connectTls({
    ...at,
    ca: certificate,
    maxVersion: "TLSv1.2",
    checkServerIdentity: () => undefined,
  });
  const refused = new Promise<Error>((resolve) => old.once("error", resolve));
  expect((await refused).message).toMatch(/protocol version|alert/i);
  for (const wrong of [
    randomBytes(37),
    randomBytes(100_000),
    Buffer.from("GET / HTTP/1.1\r\n\r\n".repeat(10)),
  ]) {
    const stranger = connectTls({ ...at, ca: certificate, checkServerIdentity: () => undefined });
    stranger.write(wrong);
    expect((await received(stranger)).length).toBe(0);
  }
  expect(await firstAnswer(target)).toBe(FrameType.welcome);
});

test("many who only connect keep no worker out, and do not keep it from closing", async () => {
  const { hub, target } = await startHub();
  const strangers = Array.from({ length: 100 }, () => connectTcp(target.at));
  const gone = strangers.map((socket) => received(socket));
  await Promise.all(strangers.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  expect(await firstAnswer(target)).toBe(FrameType.welcome);
  await hub.close();
  await Promise.all(gone);
});

test("a worker shows its token to nobody but its driver", async () => {
  const { certificate: cert, key } = createIdentity();
  const heard: Buffer[] = [];
  const impostor = createServer({ cert, key }, (socket) =>
    socket.on("data", (chunk: Buffer) => heard.push(chunk)),
  );
  await new Promise<void>((resolve) => impostor.listen(0, "127.0.0.1", resolve));
  const at = { host: "127.0.0.1", port: (impostor.address() as { port: number }).port };
  const { certificate } = createIdentity();
  const socket = dial({ at, token: randomBytes(32).toString("hex"), certificate });
  const refused = new Promise<Error>((resolve) => socket.once("error", resolve));
  expect((await refused).message).toMatch(/self-signed|certificate|signature/i);
  await new Promise((resolve) => impostor.close(resolve));
  expect(heard).toEqual([]);
});

test("an address that is not this machine's is named", async () => {
  const hub = new HubEngine({ clock: systemClock, run, address: { listen: "192.0.2.77" } });
  await expect(hub.start(new Listener())).rejects.toThrow(
    "The driver cannot listen for its workers on 192.0.2.77: listen EADDRNOTAVAIL",
  );
  await hub.close();
});
