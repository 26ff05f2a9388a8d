import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer as createPlainServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { expect, test } from "vitest";
import { createIdentity } from "../base/certificate.ts";
import { Channel } from "./channel.ts";

const FRAMES = 2000;
const TYPE = 7;

/** A peer that says much, and dies by SIGKILL the moment the system has it all. */
const lastWords = (connect: string): string => `
  const frame = Buffer.from([5, 0, 0, 0, ${TYPE}, 1, 2, 3, 4]);
  const socket = ${connect};
  socket.on("error", () => {});
  const speak = () => socket.write(Buffer.concat(Array(${FRAMES}).fill(frame)), () => process.kill(process.pid, "SIGKILL"));
`;

interface Heard {
  readonly frames: number;
  readonly error: Error | undefined;
}

/** Hears a peer out, to whom it writes before it has read anything. */
function hearOut(socket: Socket): Promise<Heard> {
  let frames = 0;
  return new Promise((resolve) => {
    const channel = new Channel(socket, {
      frame: () => frames++,
      closed: (error) => resolve({ frames, error }),
    });
    // Some at once, one with what follows it in this turn, one that is too much for any buffer.
    for (let count = 0; count < 3; count++) channel.send(1, Buffer.alloc(10_000));
    channel.send(1, Buffer.alloc(10));
    channel.send(1, Buffer.alloc(10 * 2 ** 20));
  });
}

function firstConnection(server: Server, event = "connection"): Promise<Socket> {
  return new Promise((resolve) => server.once(event, resolve));
}

async function listen(server: Server, at: string | number): Promise<void> {
  await new Promise<void>((resolve) => server.listen(at, resolve));
}

test.each(["a socket file", "TCP"])(
  "over %s, what a peer said before it died is heard, though writing to it fails",
  async (kind) => {
    const directory = mkdtempSync(join(tmpdir(), "muster-channel-"));
    const server = createPlainServer();
    await listen(server, kind === "TCP" ? 0 : join(directory, "socket"));
    const at =
      kind === "TCP" ? (server.address() as AddressInfo).port : JSON.stringify(join(directory, "socket"));
    const connection = firstConnection(server);
    // This thread reads nothing while the peer lives.
    const peer = spawnSync(process.execPath, [
      "-e",
      `${lastWords(`require("node:net").connect(${at})`)} socket.on("connect", speak);`,
    ]);
    expect(peer.signal).toBe("SIGKILL");
    const heard = await hearOut(await connection);
    expect(heard.frames).toBe(FRAMES);
    server.close();
    rmSync(directory, { recursive: true });
  },
);

test("over TLS, what a peer said before it died is heard, though writing to it fails", async () => {
  const { key, certificate: cert } = createIdentity();
  const server = createTlsServer({ key, cert, minVersion: "TLSv1.3" });
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const connection = firstConnection(server, "secureConnection");
  const peer = spawn(process.execPath, [
    "-e",
    `${lastWords(`require("node:tls").connect({ port: ${port}, rejectUnauthorized: false })`)} socket.once("data", speak);`,
  ]);
  const socket = await connection;
  await new Promise<void>((resolve) => socket.write(Buffer.from([1, 0, 0, 0, 1]), () => resolve()));
  // This thread reads nothing until the peer is gone.
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (!/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${peer.pid}/stat`, "utf8"))) Atomics.wait(pause, 0, 0, 5);
  const heard = await hearOut(socket);
  expect(heard.frames).toBe(FRAMES);
  server.close();
});

test("a peer that is believed to be dead and says nothing more is let go, though its connection stays open", async () => {
  const server = createPlainServer();
  await listen(server, 0);
  const connection = firstConnection(server);
  const peer = spawn(process.execPath, [
    "-e",
    `require("node:net").connect(${(server.address() as AddressInfo).port}).write(Buffer.from([1, 0, 0, 0, ${TYPE}]));`,
  ]);
  const seen: number[] = [];
  const closed = Promise.withResolvers<void>();
  const channel = new Channel(await connection, {
    frame: (type) => seen.push(type),
    closed: () => closed.resolve(),
  });
  channel.hearOut();
  await closed.promise;
  expect(seen).toEqual([TYPE]);
  await new Promise((resolve) => peer.once("exit", resolve));
  server.close();
});
