import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const MUSTER = fileURLToPath(new URL("../../bin/muster.mjs", import.meta.url));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "muster-cluster-"));
  writeFileSync(
    join(directory, "provider.mjs"),
    `const lease = (id, expiresInMs) =>
      ({ id, what: "thing " + id, runId: "run-1", flowName: "nightly", worker: "w-1", state: "idle", ageMs: 61000, expiresInMs });
    export const leases = {
      name: "shelf",
      list: async () => [lease("a", 5000), lease("b", -3000)],
      remove: async ({ id }) => { if (process.env.STUCK) throw new Error("it is stuck"); },
    };`,
  );
});
afterEach(() => rmSync(directory, { recursive: true }));

function muster(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ exitCode: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const options = { cwd: directory, env: { ...process.env, NODE_OPTIONS: "", ...env } };
    execFile(process.execPath, [MUSTER, "cluster", ...args], options, (error, out, err) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

test("ls shows what is there, whose it is, and for how long", async () => {
  const { exitCode, out } = await muster(["ls", "--provider", "./provider.mjs"]);
  expect(exitCode).toBe(0);
  expect(out.trim().split("\n")).toEqual([
    'shelf: thing a, idle, of flow "nightly" (run-1), 1 min 1 s old; its lease holds for 5.0 s',
    'shelf: thing b, idle, of flow "nightly" (run-1), 1 min 1 s old; its lease expired 3.0 s ago',
  ]);
});

test("gc removes what has expired, or only says so", async () => {
  const dry = await muster(["gc", "--dry-run", "--provider", "./provider.mjs"]);
  expect(dry.out).toContain("shelf: would remove thing b,");
  expect(dry.out).toContain("shelf: 1 leftover would be removed; 1 kept, whose driver may live.");
  const { exitCode, out } = await muster(["gc", "--provider", "./provider.mjs"]);
  expect(exitCode).toBe(0);
  expect(out).toContain("shelf: removed thing b,");
  expect(out).not.toContain("thing a");
});

test("gc fails when something could not be removed, and says why", async () => {
  const { exitCode, err } = await muster(["gc", "--provider", "./provider.mjs"], { STUCK: "1" });
  expect(exitCode).toBe(1);
  expect(err).toContain("shelf: could not remove thing b,");
  expect(err).toContain("it is stuck");
});

test("a provider that is not there is bad usage", async () => {
  const { exitCode, err } = await muster(["ls", "--provider", "./nothing.mjs"]);
  expect(exitCode).toBe(2);
  expect(err).toMatch(/^muster: "\.\/nothing\.mjs" cannot be imported/);
});
