import { isMainThread } from "node:worker_threads";

/** Ends this very process with its exit code: nothing of it goes on, no thread either. */
const exitAtOnce = (code: number): void => {
  // What it becomes needs no file but Node itself, and must not be changed by options that are meant for this one.
  process.execve?.(process.execPath, ["node", "--eval", `process.exitCode = ${code}`], {});
};

/**
 * A thread of this process cannot be ended, and whoever exits waits for all threads. From now on this process ends by
 * becoming one that exits with the same code at once, after all that listens for its end so far.
 * On Windows, and where this itself is a thread, that cannot be had.
 */
export function exitPastThreads(): void {
  if (!isMainThread || process.execve === undefined || process.platform === "win32") return;
  // After those that have come to listen meanwhile.
  process.off("exit", exitAtOnce);
  process.on("exit", exitAtOnce);
}
