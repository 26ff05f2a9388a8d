import { mkdtempSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MEMORY_DIRECTORY } from "./limits.ts";

/** A directory in memory is used when it has at least this much room, in bytes: containers often have 64 MiB. */
const ENOUGH_MEMORY_BYTES = 1024 ** 3;

/** Makes a directory for blobs, in memory where there is room. */
export function makeBlobDirectory(prefix: string): string {
  return mkdtempSync(join(hasMemory() ? MEMORY_DIRECTORY : tmpdir(), prefix));
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
