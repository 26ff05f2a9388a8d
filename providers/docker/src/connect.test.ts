import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { addressOf, connectEngine } from "./connect.ts";

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

/** What `docker context create` leaves on the disk. */
function configured(contexts: Record<string, { host: string; tls?: boolean }>, current?: string): string {
  const directory = mkdtempSync(join(tmpdir(), "muster-docker-"));
  directories.push(directory);
  writeFileSync(join(directory, "config.json"), JSON.stringify({ currentContext: current }));
  for (const [name, { host, tls }] of Object.entries(contexts)) {
    const folder = createHash("sha256").update(name).digest("hex");
    const meta = join(directory, "contexts", "meta", folder);
    mkdirSync(meta, { recursive: true });
    const endpoint = { Name: name, Endpoints: { docker: { Host: host } } };
    writeFileSync(join(meta, "meta.json"), JSON.stringify(endpoint));
    if (tls !== true) continue;
    const files = join(directory, "contexts", "tls", folder, "docker");
    mkdirSync(files, { recursive: true });
    for (const file of ["ca.pem", "cert.pem", "key.pem"]) writeFileSync(join(files, file), file);
  }
  return directory;
}

test("the current context says where the engine is", () => {
  const DOCKER_CONFIG = configured({ far: { host: "tcp://10.0.0.5:2376", tls: true } }, "far");
  const docker = connectEngine(undefined, { DOCKER_CONFIG });
  expect(addressOf(docker)).toBe("https://10.0.0.5:2376");
  expect(docker.modem).toMatchObject({ ca: Buffer.from("ca.pem"), key: Buffer.from("key.pem") });
});

test("DOCKER_CONTEXT goes before the current context", () => {
  const contexts = { far: { host: "tcp://10.0.0.5:2375" }, near: { host: "unix:///run/user/1/docker.sock" } };
  const DOCKER_CONFIG = configured(contexts, "far");
  const docker = connectEngine(undefined, { DOCKER_CONFIG, DOCKER_CONTEXT: "near" });
  expect(addressOf(docker)).toBe("/run/user/1/docker.sock");
});

test("a context that is not there is named", () => {
  const DOCKER_CONFIG = configured({});
  expect(() => connectEngine(undefined, { DOCKER_CONFIG, DOCKER_CONTEXT: "nowhere" })).toThrow(
    'The Docker context "nowhere" cannot be read: "docker context ls" lists those that there are.',
  );
});

test("what the user gives counts alone", () => {
  expect(addressOf(connectEngine({ socketPath: "/tmp/own.sock" }, {}))).toBe("/tmp/own.sock");
  expect(addressOf(connectEngine({ host: "10.0.0.9", port: 2375 }, {}))).toBe("http://10.0.0.9:2375");
});
