import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join, parse } from "node:path";
import { MusterError, toError } from "./errors.ts";

/* Where a process is, and where it may write: on machines of all kinds, also those without what most have. */

/** The current directory; the root, when it was removed under this process. */
export function currentDirectory(): string {
  return isHereGone() ? parse(process.execPath).root : process.cwd();
}

/** Whether the current directory was removed: Node starts no thread in such a place. */
export function isHereGone(): boolean {
  try {
    // Node remembers its name, and so may not notice by itself.
    return !existsSync(process.cwd());
  } catch {
    return true;
  }
}

/** Who runs this process, for names of files: a number where there are such, which need not have a name. */
export function currentUser(): string {
  const uid = process.getuid?.();
  if (uid !== undefined) return String(uid);
  try {
    return userInfo().username;
  } catch {
    return "user";
  }
}

/** Where files are memory, on Linux. */
export const MEMORY_DIRECTORY = "/dev/shm";

/** Tried when TMPDIR says nothing that can be used, as in a container whose file system cannot be written to. */
const TEMPORARY = process.platform === "win32" ? [] : ["/tmp", "/var/tmp", MEMORY_DIRECTORY];

/**
 * Makes a directory of a new name in the first place where that can be done.
 * @param first places to try before those for temporary files
 * @throws MusterError `NO_TEMPORARY_DIRECTORY` when nothing can be written anywhere
 */
export function makeTemporaryDirectory(prefix: string, first: readonly string[] = []): string {
  const failures: string[] = [];
  for (const parent of new Set([...first, tmpdir(), ...TEMPORARY])) {
    try {
      return mkdtempSync(join(parent, prefix));
    } catch (error) {
      failures.push(toError(error).message);
    }
  }
  throw new MusterError(
    "NO_TEMPORARY_DIRECTORY",
    `There is no place for temporary files: set TMPDIR to a directory that this user (${currentUser()}) may write to (${failures.join("; ")}).`,
  );
}
