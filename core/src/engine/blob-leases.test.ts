import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { sweepBlobDirectories } from "./blob-leases.ts";

const HOUR_MS = 3_600_000;
/** No process has this id: it is above what Linux gives. */
const NOBODY = 2 ** 30;

const parent = mkdtempSync(join(tmpdir(), "muster-sweep-"));
afterEach(() => rmSync(parent, { recursive: true, force: true }));

function runDirectory(name: string, ageMs: number): string {
  const directory = join(parent, name);
  mkdirSync(directory, { recursive: true });
  const proof = join(directory, "proof");
  writeFileSync(proof, "");
  const at = new Date(Date.now() - ageMs);
  utimesSync(proof, at, at);
  return directory;
}

test("what a driver left that is gone is removed once its lease has expired, and nothing else", () => {
  const left = runDirectory(`muster-run-${NOBODY}-a1b2c3`, HOUR_MS);
  const kept = [
    runDirectory(`muster-run-${NOBODY}-recent`, 60_000),
    runDirectory(`muster-run-${process.pid}-alive1`, HOUR_MS),
    runDirectory("somebody-elses", HOUR_MS),
  ];
  sweepBlobDirectories(parent);
  expect(existsSync(left)).toBe(false);
  expect(kept.map((directory) => existsSync(directory))).toEqual([true, true, true]);
});
