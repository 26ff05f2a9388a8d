import { isMainThread } from "node:worker_threads";

const reasons = new Set<() => boolean>();

/**
 * An exit waits for all threads, and some may not end. From now on, and until the returned function is called, this process
 * exits, when `mayNotEnd` says so then, by becoming another one, of which nothing is known but that it exits at once with
 * the same code. On Windows, and where this itself is a thread, that cannot be had.
 */
export function exitPastThreads(mayNotEnd: () => boolean = () => true): () => void {
  if (!isMainThread || process.execve === undefined || process.platform === "win32") return () => {};
  if (reasons.size === 0) process.on("exit", exitAtOnce);
  reasons.add(mayNotEnd);
  return () => {
    if (reasons.delete(mayNotEnd) && reasons.size === 0) process.off("exit", exitAtOnce);
  };
}

function exitAtOnce(code: number): void {
  // Somebody may only play an exit, and have the process end another way.
  const isExiting = (process as { readonly _exiting?: boolean })._exiting === true;
  if (!isExiting || ![...reasons].some((mayNotEnd) => mayNotEnd())) return;
  // Nobody else would be heard after this.
  const listeners = process.rawListeners("exit");
  for (const listener of listeners.slice(listeners.indexOf(exitAtOnce) + 1)) listener.call(process, code);
  const exit = `process.exitCode = ${process.exitCode ?? code}`;
  // A program that is surely there; what Node is told by this process's environment is not meant for it.
  process.execve!(process.execPath, ["node", "--eval", exit], {});
}
