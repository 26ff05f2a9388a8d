import { isMainThread } from "node:worker_threads";

/**
 * A thread of this process cannot be ended, and whoever exits waits for all threads. From now on this process ends by
 * becoming another one, of which nothing is known but that it exits at once with the same code. On Windows, and where this
 * itself is a thread, that cannot be had.
 */
export function exitPastThreads(): void {
  if (!isMainThread || process.execve === undefined || process.platform === "win32") return;
  if (!process.listeners("exit").includes(exitAtOnce)) process.on("exit", exitAtOnce);
}

function exitAtOnce(code: number): void {
  // Nobody else will be heard after this.
  const listeners = process.rawListeners("exit");
  for (const listener of listeners.slice(listeners.indexOf(exitAtOnce) + 1)) listener.call(process, code);
  const exit = `process.exitCode = ${process.exitCode ?? code}`;
  // A program that is surely there; what Node is told by this process's environment is not meant for it.
  process.execve!(process.execPath, ["node", "--eval", exit], {});
}
