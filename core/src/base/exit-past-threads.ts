import { writeSync } from "node:fs";
import { inspect } from "node:util";
import { isMainThread } from "node:worker_threads";

const reasons = new Set<() => boolean>();
/** The error that nobody caught, while the process ends of it. */
let uncaught: { readonly error: unknown } | undefined;

/**
 * An exit waits for all threads, and some may not end. From now on, and until the returned function is called, this process
 * exits, when `mayNotEnd` says so then, by becoming another one, of which nothing is known but that it exits at once with
 * the same code. On Windows, and where this itself is a thread, that cannot be had.
 */
export function exitPastThreads(mayNotEnd: () => boolean = () => true): () => void {
  if (!isMainThread || process.execve === undefined || process.platform === "win32") return () => {};
  if (reasons.size === 0) process.on("exit", exitAtOnce).on("uncaughtExceptionMonitor", noteUncaught);
  reasons.add(mayNotEnd);
  return () => {
    if (!reasons.delete(mayNotEnd) || reasons.size > 0) return;
    process.off("exit", exitAtOnce).off("uncaughtExceptionMonitor", noteUncaught);
  };
}

function noteUncaught(error: unknown): void {
  uncaught = { error };
  // A handler of the program's own may let it live.
  setImmediate(() => {
    uncaught = undefined;
  });
}

function exitAtOnce(code: number): void {
  // Somebody may only play an exit, and have the process end another way.
  const isExiting = (process as { readonly _exiting?: boolean })._exiting === true;
  if (!isExiting || ![...reasons].some((mayNotEnd) => mayNotEnd())) return;
  // Nobody else would be heard after this.
  const listeners = process.rawListeners("exit");
  for (const listener of listeners.slice(listeners.indexOf(exitAtOnce) + 1)) listener.call(process, code);
  // Node prints it after the exit's listeners: that is now.
  if (uncaught !== undefined) print(`Uncaught ${inspect(uncaught.error)}\n\nNode.js ${process.version}\n`);
  const exit = `process.exitCode = ${process.exitCode ?? code}`;
  // A program that is surely there; what Node is told by this process's environment is not meant for it.
  process.execve!(process.execPath, ["node", "--eval", exit], {});
}

function print(text: string): void {
  try {
    writeSync(process.stderr.fd, text);
  } catch {
    // Nobody reads it.
  }
}
