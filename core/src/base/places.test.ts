import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { currentDirectory, currentUser, isHereGone, makeTemporaryDirectory } from "./places.ts";

const scratch = mkdtempSync(join(tmpdir(), "muster-places-"));

function made(directory: string): string {
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

test("a directory that was removed under this process is not where it is", () => {
  const before = process.cwd();
  onTestFinished(() => process.chdir(before));
  const removed = join(scratch, "removed");
  mkdirSync(removed);
  process.chdir(removed);
  expect([isHereGone(), currentDirectory()]).toEqual([false, removed]);
  rmSync(removed, { recursive: true });
  expect([isHereGone(), currentDirectory()]).toEqual([true, "/"]);
});

test("whoever runs this process has a name for files, also one whom no list of users has", () => {
  vi.spyOn(process, "getuid").mockReturnValue(12_345);
  onTestFinished(() => void vi.restoreAllMocks());
  expect(currentUser()).toBe("12345");
});

test("temporary files go where TMPDIR says, or, if that cannot be, somewhere else", () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv("TMPDIR", scratch);
  expect(dirname(made(makeTemporaryDirectory("muster-places-")))).toBe(scratch);
  vi.stubEnv("TMPDIR", join(scratch, "nowhere"));
  const elsewhere = made(makeTemporaryDirectory("muster-places-"));
  expect(existsSync(elsewhere)).toBe(true);
  expect(dirname(elsewhere)).not.toBe(scratch);
  expect(dirname(made(makeTemporaryDirectory("muster-places-", [scratch])))).toBe(scratch);
});
