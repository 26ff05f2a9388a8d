import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { jetstreamManager } from "@nats-io/jetstream";
import { expect, onTestFinished, test } from "vitest";
import { isProcess } from "../base/is-process.ts";
import { connectNats } from "../wire/nats/connect-nats.ts";
import { resolveNatsOptions } from "../wire/nats/nats-options.ts";
import { startNatsServer } from "./nats-server.ts";

/** A directory of this test's own. */
function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "muster-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** An environment variable for the rest of the test. */
function setVariable(name: string, value: string | undefined): void {
  const before = process.env[name];
  const set = (to: string | undefined): void => {
    if (to === undefined) delete process.env[name];
    else process.env[name] = to;
  };
  set(value);
  onTestFinished(() => set(before));
}

/** A program that is no server of NATS, but says what one would. */
function pretender(...lines: string[]): string {
  const program = join(scratch(), "nats-server");
  const said = lines.map((line) => `echo '[7] 2025/01/31 12:00:00.000000 ${line}' >&2`);
  writeFileSync(program, ["#!/bin/sh", ...said, "exec sleep 60"].join("\n"));
  chmodSync(program, 0o755);
  return program;
}

test.each(["NATS_SERVER_BIN", "NATS_OLD_SERVER_BIN"])(
  "the server of %s serves a run, whoever knows its secrets",
  async (variable) => {
    setVariable("NATS_SERVER_BIN", process.env[variable]);
    const directory = scratch();
    await using server = await startNatsServer({ runId: "run-1", directory });
    const { address, user, password, ca } = server;
    expect(address).toMatch(/^tls:\/\/127\.0\.0\.1:\d+$/);

    const target = resolveNatsOptions({ servers: address, user, password, ca }, { env: {} });
    const connection = await connectNats(target, { name: "a test" });
    expect(connection.info?.server_name).toBe("muster-run-1");
    const { streams } = await jetstreamManager(connection);
    await streams.add({ name: "stream", subjects: ["x"] });
    expect((await streams.info("stream")).config.name).toBe("stream");
    await connection.close();

    const stranger = resolveNatsOptions({ servers: address, ca }, { env: {} });
    await expect(connectNats(stranger, { name: "a test" })).rejects.toMatchObject({
      trouble: "UNAUTHORIZED",
    });
    const plain = resolveNatsOptions(
      { servers: address.replace("tls", "nats"), user, password },
      { env: {} },
    );
    await expect(connectNats(plain, { name: "a test" })).rejects.toMatchObject({ trouble: "UNTRUSTED" });

    const [own] = readdirSync(directory);
    expect(statSync(join(directory, own!)).mode & 0o077).toBe(0);
    for (const file of ["nats.conf", "key.pem"])
      expect(statSync(join(directory, own!, file)).mode & 0o077).toBe(0);
    expect(inspect(server, { depth: 10 }) + JSON.stringify(server)).not.toContain(password);

    await server.stop();
    await server.stop();
    expect(isProcess(server.pid)).toBe(false);
    expect(readdirSync(directory)).toEqual([]);
    // A version says 0, another one 1.
    expect((await server.ended).how).toContain("exit code");
  },
);

test("one that is killed says so, and its files are gone", async () => {
  const directory = scratch();
  await using server = await startNatsServer({ runId: "run-1", directory });
  process.kill(server.pid, "SIGKILL");
  expect(await server.ended).toMatchObject({
    how: "ended by SIGKILL",
    lastLines: expect.arrayContaining(["[INF] Server is ready"]),
  });
  expect(readdirSync(directory)).toEqual([]);
});

/** A driver in a process of its own, and the server that it has started. */
async function driver(
  directory: string,
  then: string,
): Promise<{ readonly pid: number; readonly server: number }> {
  const module = new URL("./nats-server.ts", import.meta.url).href;
  const program = `
    const { startNatsServer } = await import(${JSON.stringify(module)});
    const server = await startNatsServer({ runId: "run-1", directory: ${JSON.stringify(directory)} });
    console.log(server.pid);
    ${then}`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { pid: child.pid!, server: Number(line.toString()) };
}

test.each([
  ["is killed", "setInterval(() => {}, 1000);", "SIGKILL"],
  ["is told to end, and has no time for it", "setInterval(() => {}, 1000);", "SIGTERM"],
  ["hears that its terminal is gone", "setInterval(() => {}, 1000);", "SIGHUP"],
  ["computes for ever, and is killed", "setTimeout(() => { for (;;); });", "SIGKILL"],
  ["exits", "setTimeout(() => process.exit(3), 100);", undefined],
  ["throws", "setTimeout(() => { throw null; }, 100);", undefined],
] as const)(
  "no server outlives a driver that %s, and its files do not either",
  async (_name, then, signal) => {
    const directory = scratch();
    const { pid, server } = await driver(directory, then);
    expect(isProcess(server)).toBe(true);
    if (signal !== undefined) process.kill(pid, signal);
    await expect.poll(() => isProcess(server), { timeout: 20_000 }).toBe(false);
    await expect.poll(() => readdirSync(directory), { timeout: 20_000 }).toEqual([]);
  },
);

test("a driver is not kept alive by what sees to its will", async () => {
  const directory = scratch();
  const { pid } = await driver(directory, "await server.stop();");
  await expect.poll(() => isProcess(pid), { timeout: 20_000 }).toBe(false);
  expect(readdirSync(directory)).toEqual([]);
});

test.each<[string, () => void, string]>([
  [
    "no program where the variable says",
    () => setVariable("NATS_SERVER_BIN", "/nowhere/nats-server"),
    "No NATS server can be started: there is no program /nowhere/nats-server, which NATS_SERVER_BIN names. Install it",
  ],
  [
    "no program at all",
    () => {
      setVariable("NATS_SERVER_BIN", undefined);
      setVariable("PATH", scratch());
    },
    "No NATS server can be started: there is no program nats-server on the path, and NATS_SERVER_BIN names none. Install it (https://nats.io, or the package nats-server), or name it in the environment variable NATS_SERVER_BIN.",
  ],
  [
    "a file that is no program",
    () => {
      const file = join(scratch(), "nats-server");
      writeFileSync(file, "");
      setVariable("NATS_SERVER_BIN", file);
    },
    "EACCES",
  ],
  [
    "a version that is too old",
    () =>
      setVariable(
        "NATS_SERVER_BIN",
        pretender(
          "[INF]   Version:  2.9.25",
          "[INF] Listening for client connections on 127.0.0.1:1",
          "[INF] Server is ready",
        ),
      ),
    "cannot be used: it is version 2.9.25, and 2.10 is the oldest that can be. Install it",
  ],
  [
    "a program that says nothing",
    () => setVariable("NATS_SERVER_BIN", pretender()),
    "does not run: Its start took longer than 2000 ms. It printed nothing.",
  ],
])("%s: says so, and leaves nothing", async (_name, prepare, message) => {
  prepare();
  const directory = scratch();
  const starting = startNatsServer({ runId: "run-1", directory, timeoutMs: 2000 });
  await expect(starting).rejects.toMatchObject({
    code: "CLUSTER_START",
    message: expect.stringContaining(message),
  });
  expect(readdirSync(directory)).toEqual([]);
});

test("an address that is not this machine's: the server's own words, and nothing is left", async () => {
  const directory = scratch();
  const starting = startNatsServer({ runId: "run-1", directory, listen: "192.0.2.1" });
  await expect(starting).rejects.toMatchObject({
    code: "CLUSTER_START",
    message: expect.stringMatching(
      /does not run: it ended \(exit code 1\)\. Its last lines: .*cannot assign requested address/,
    ),
  });
  expect(readdirSync(directory)).toEqual([]);
});

test("a signal ends the wait, and nothing is left", async () => {
  setVariable("NATS_SERVER_BIN", pretender());
  const directory = scratch();
  const stop = new AbortController();
  const starting = startNatsServer({ runId: "run-1", directory, signal: stop.signal });
  await expect.poll(() => readdirSync(directory).length).toBe(1);
  stop.abort();
  await expect(starting).rejects.toMatchObject({ code: "CANCELLED" });
  expect(readdirSync(directory)).toEqual([]);
});
