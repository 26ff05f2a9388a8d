import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { SimulatedClock } from "../base/clock.ts";
import { processIdentity } from "../base/process-identity.ts";
import { proofOf, sweepBlobDirectories } from "./blob-leases.ts";

const HOUR_MS = 3_600_000;
/** No process has this id: it is above what Linux gives. */
const NOBODY = 2 ** 30;

const parent = mkdtempSync(join(tmpdir(), "muster-sweep-"));
afterEach(() => rmSync(parent, { recursive: true, force: true }));

function runDirectory(name: string, ageMs: number, content = ""): string {
  const directory = join(parent, name);
  mkdirSync(directory, { recursive: true });
  const proof = join(directory, "proof");
  writeFileSync(proof, content);
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

/** As a driver in another container names itself. */
const ELSEWHERE = `secret other${processIdentity()}`;

test("no clock says that a driver which lives is dead, nor that one which was killed lives", () => {
  const dead = runDirectory(`muster-run-${NOBODY}-killed`, -HOUR_MS, proofOf("secret").replace(/\S+$/, "1"));
  const alive = runDirectory(`muster-run-${process.pid}-setback`, HOUR_MS, proofOf("secret"));
  expect(sweepBlobDirectories(parent)).toBe(false);
  expect([dead, alive].map((directory) => existsSync(directory))).toEqual([false, true]);
});

test("a driver in another container lives as long as it renews, whatever its clock shows", async () => {
  const clock = new SimulatedClock();
  const alive = runDirectory(`muster-run-${NOBODY}-alive`, HOUR_MS, ELSEWHERE);
  const dead = runDirectory(`muster-run-${NOBODY}-dead`, -HOUR_MS, ELSEWHERE);
  for (let minute = 0; minute <= 16; minute++) {
    expect(existsSync(dead)).toBe(true);
    const setBack = new Date(Date.now() - minute * HOUR_MS);
    utimesSync(join(alive, "proof"), setBack, setBack);
    expect(sweepBlobDirectories(parent, clock)).toBe(true);
    await clock.advance(60_000);
  }
  expect([alive, dead].map((directory) => existsSync(directory))).toEqual([true, false]);
});
