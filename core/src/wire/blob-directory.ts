import { renameSync, rmSync, statfsSync } from "node:fs";
import { MEMORY_DIRECTORY, makeTemporaryDirectory } from "../base/places.ts";

/** A directory in memory is used when it has at least this much room, in bytes: containers often have 64 MiB. */
const ENOUGH_MEMORY_BYTES = 1024 ** 3;

/** Makes a directory for blobs, in memory where there is room. */
export function makeBlobDirectory(prefix: string): string {
  return makeTemporaryDirectory(prefix, hasMemory() ? [MEMORY_DIRECTORY] : []);
}

function hasMemory(): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY_DIRECTORY);
    return bavail * bsize >= ENOUGH_MEMORY_BYTES;
  } catch {
    // There is none on this system.
    return false;
  }
}

/**
 * Removes a directory with all that is in it. It is moved away first: who still writes there finds it gone, and
 * cannot put a file in while the others are removed. What cannot be removed is left, since nobody could do better.
 */
export function removeBlobDirectory(path: string): void {
  const gone = `${path}.gone`;
  try {
    renameSync(path, gone);
    rmSync(gone, { recursive: true, force: true, maxRetries: 5, retryDelay: 10 });
  } catch {
    // It was removed before.
  }
}
