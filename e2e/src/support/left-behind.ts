import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Processes of this machine whose environment fits: the one that they were started with. Linux alone tells.
 * @param settings such as `MUSTER_RUN_ID=run-1`, or names alone
 */
export function processesWith(...settings: string[]): number[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const environment = readFileSync(`/proc/${entry}/environ`, "utf8").split("\0");
      const fits = settings.every((setting) =>
        environment.some((line) => line === setting || line.startsWith(`${setting}=`)),
      );
      return fits && isAlive(entry) ? [Number(entry)] : [];
    } catch {
      // It ended meanwhile, or is somebody else's.
      return [];
    }
  });
}

/** Processes of this machine in whose command line something stands. */
export function processesNaming(text: string): number[] {
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    try {
      const fits = readFileSync(`/proc/${entry}/cmdline`, "utf8").includes(text);
      return fits && isAlive(entry) ? [Number(entry)] : [];
    } catch {
      return [];
    }
  });
}

/** A process that ended, and whose parent has not asked for its exit code, is not left behind. */
function isAlive(pid: string): boolean {
  const status = readFileSync(`/proc/${pid}/stat`, "utf8");
  return !status.slice(status.lastIndexOf(")")).startsWith(") Z");
}

const BLOB_PARENTS = ["/dev/shm", process.env["TMPDIR"] ?? "/tmp"];

/** Directories for large values that a process with this id made. */
export function blobDirectoriesOf(pid: number): string[] {
  return BLOB_PARENTS.flatMap((parent) => {
    try {
      return readdirSync(parent)
        .filter((name) => name.startsWith(`muster-run-${pid}-`))
        .map((name) => join(parent, name));
    } catch {
      return [];
    }
  });
}

/** Large values in them; what else is there are a few bytes by which workers know the place. */
export function blobsOf(pid: number): string[] {
  return blobDirectoriesOf(pid).flatMap((directory) =>
    readdirSync(directory).filter((name) => name !== "proof" && name !== "hub"),
  );
}

/** Looks every 20 ms until the condition holds; the test's own deadline ends it. For what gives no event. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(20);
}
