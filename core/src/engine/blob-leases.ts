import { readdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { isProcess } from "../base/is-process.ts";
import { removeBlobDirectory } from "../wire/blob-directory.ts";
import { PROOF_FILE } from "../wire/limits.ts";

/** A run's directory is called `muster-run-<process id of its driver>-<random>`. */
export const RUN_PREFIX = "muster-run-";
const RUN_NAME = /^muster-run-(\d+)-\w+$/;

/** How often a driver says that its directory is in use, in milliseconds. */
const RENEW_MS = 60_000;
/** A directory of which nobody has said that for so long, and whose driver is no process here, is garbage. */
const EXPIRED_MS = 15 * 60_000;

/** Says that a directory is in use, until the returned function is called. */
export function keepBlobDirectory(directory: string): () => void {
  const renew = (): void => {
    const now = new Date();
    try {
      utimesSync(join(directory, PROOF_FILE), now, now);
    } catch {
      // It is being removed.
    }
  };
  const timer = setInterval(renew, RENEW_MS).unref();
  return () => clearInterval(timer);
}

/**
 * Removes what drivers left that were killed, and whose workers could not remove it, since they ran elsewhere.
 * @param now milliseconds since 1970
 */
export function sweepBlobDirectories(parent: string, now: number = Date.now()): void {
  for (const name of readdirSync(parent)) {
    const pid = RUN_NAME.exec(name)?.[1];
    if (pid === undefined || isProcess(Number(pid))) continue;
    const directory = join(parent, name);
    try {
      if (now - statSync(join(directory, PROOF_FILE)).mtimeMs > EXPIRED_MS) removeBlobDirectory(directory);
    } catch {
      // Another user's, or just being made or removed.
    }
  }
}
