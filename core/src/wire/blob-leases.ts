import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Clock, systemClock } from "../base/clock.ts";
import { isProcess } from "../base/is-process.ts";
import { fateOf, processIdentity } from "../base/process-identity.ts";
import { makeBlobDirectory, removeBlobDirectory } from "./blob-directory.ts";
import { PROOF_FILE } from "./limits.ts";

/** Directories are called `muster-run-<process id of its driver>-<random>`, and `muster-worker-…` those of a worker alone. */
const NAME = /^muster-(?:run|worker)-(\d+)-\w+$/;

/** How often a driver says that its directory is in use, in milliseconds. */
const RENEW_MS = 60_000;
/** A directory of which nobody has said that for so long is garbage. */
const EXPIRED_MS = 15 * 60_000;

/** What is in a proof file. */
export function proofOf(secret: string): string {
  return `${secret} ${processIdentity()}`;
}

/** A directory for blobs that this process has in use. */
export interface KeptDirectory {
  readonly path: string;
  /** What is in its proof file: what proves that it is this directory, and whose it is. */
  readonly proof: string;
  /** It is about to be removed. */
  stopKeeping(): void;
}

/** Makes a directory that says that it is in use, and removes what others left beside it, until it is told to stop. */
export function makeKeptDirectory(kind: "run" | "worker", secret: string): KeptDirectory {
  const path = makeBlobDirectory(`muster-${kind}-${process.pid}-`);
  const proof = proofOf(secret);
  writeFileSync(join(path, PROOF_FILE), proof, { mode: 0o600 });
  return { path, proof, stopKeeping: keep(path) };
}

function keep(directory: string): () => void {
  const parent = dirname(directory);
  let watches = sweepBlobDirectories(parent);
  const timer = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(join(directory, PROOF_FILE), now, now);
    } catch {
      // It is being removed.
    }
    if (watches) watches = sweepBlobDirectories(parent);
  }, RENEW_MS).unref();
  return () => clearInterval(timer);
}

/** Directories of drivers that cannot be seen from here: what their proof's time was, and since when. */
const watched = new Map<string, { readonly mtimeMs: number; readonly since: number }>();

/**
 * Removes what drivers left that were killed, and whose workers could not remove it, since they ran elsewhere, and what
 * workers left that were. Whether one lives is asked of the system. Only one in another container, which shares the directory, is told by its renewals:
 * those that this process sees, by its own clock, since the time of day may be set.
 * @returns whether there are some that must be looked at again to know
 */
export function sweepBlobDirectories(parent: string, clock: Clock = systemClock): boolean {
  const unknown = new Set<string>();
  for (const name of namesIn(parent)) {
    const pid = NAME.exec(name)?.[1];
    if (pid === undefined) continue;
    const directory = join(parent, name);
    try {
      const fate = fateOfDriver(directory, Number(pid), clock);
      if (fate === "gone") removeBlobDirectory(directory);
      else if (fate === "elsewhere") unknown.add(directory);
    } catch {
      // Another user's, or just being made or removed.
    }
  }
  for (const directory of watched.keys()) if (!unknown.has(directory)) watched.delete(directory);
  return unknown.size > 0;
}

function fateOfDriver(directory: string, pid: number, clock: Clock): "lives" | "gone" | "elsewhere" {
  const proof = join(directory, PROOF_FILE);
  const [, driver] = /^\S* (.+)$/.exec(readFileSync(proof, "latin1")) ?? [];
  const { mtimeMs } = statSync(proof);
  // Nobody is named: it was made by an older version.
  if (driver === undefined)
    return !isProcess(pid) && clock.wallTime() - mtimeMs > EXPIRED_MS ? "gone" : "lives";
  const fate = fateOf(driver);
  if (fate !== "elsewhere") return fate;
  const before = watched.get(directory);
  if (before?.mtimeMs !== mtimeMs) watched.set(directory, { mtimeMs, since: clock.now() });
  return before?.mtimeMs === mtimeMs && clock.now() - before.since > EXPIRED_MS ? "gone" : "elsewhere";
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // Others may write there, but not list it.
    return [];
  }
}
