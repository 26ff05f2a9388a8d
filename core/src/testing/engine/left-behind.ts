import { readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MEMORY_DIRECTORY } from "../../base/places.ts";

/** Processes of this machine that were started with a setting in their environment, such as `MUSTER_RUN_ID=run-1`. Linux alone tells. */
export function processesWith(setting: string): number[] {
  return namesIn("/proc").flatMap((name) => {
    try {
      const environment = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
      const status = readFileSync(`/proc/${name}/stat`, "utf8");
      // What has ended, and whose parent took no note of it yet, is not left behind.
      const isAlive = !status.slice(status.lastIndexOf(")")).startsWith(") Z");
      return environment.includes(setting) && isAlive ? [Number(name)] : [];
    } catch {
      // It is no process, or somebody else's, or ended meanwhile.
      return [];
    }
  });
}

/** Directories for large values of engines of this process. */
export function blobDirectories(): string[] {
  return [MEMORY_DIRECTORY, tmpdir()].flatMap((parent) =>
    namesIn(parent)
      .filter((name) => name.startsWith(`muster-run-${process.pid}-`))
      .map((name) => join(parent, name)),
  );
}

/** Bytes of all that is in a directory. */
export function bytesIn(directory: string): number {
  return namesIn(directory).reduce((bytes, name) => {
    const found = statSync(join(directory, name), { throwIfNoEntry: false });
    return bytes + (found?.isFile() ? found.size : 0);
  }, 0);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
