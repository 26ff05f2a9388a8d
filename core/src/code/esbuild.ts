import type { ChildProcess } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { createRequire } from "node:module";
import { currentDirectory } from "../base/places.ts";
import { startPatiently } from "../base/start-program.ts";

type Esbuild = typeof import("esbuild");

/**
 * Does something with esbuild, which is a program that runs beside this process from the first use on.
 * @throws StartProgramError when that program cannot be started
 */
export async function withEsbuild<T>(work: (esbuild: Esbuild) => Promise<T>): Promise<T> {
  // Loaded late: who ships no code pays nothing for it.
  const esbuild = load();
  return await startPatiently("esbuild", () => attempt(esbuild, work));
}

/** It starts its program where this process was when it was loaded: that must be a place that there is. */
function load(): Esbuild {
  const { cwd } = process;
  const here = currentDirectory();
  process.cwd = () => here;
  try {
    return createRequire(import.meta.url)("esbuild") as Esbuild;
  } finally {
    process.cwd = cwd;
  }
}

/** A program that does not start would end this process, or break a pipe to it: so its own error is heard. */
async function attempt<T>(esbuild: Esbuild, work: (esbuild: Esbuild) => Promise<T>): Promise<T> {
  let failure: Error | undefined;
  const started = (message: unknown): void => {
    (message as { process: ChildProcess }).process.on("error", (error) => {
      failure = error;
    });
  };
  try {
    return await whileHeard(started, async () => work(esbuild));
  } catch (error) {
    // A child tells of its failure a moment later.
    await new Promise((resolve) => setImmediate(resolve));
    if (failure === undefined) throw error;
    // The next attempt starts another.
    await esbuild.stop();
    throw failure;
  }
}

/** Tells of the processes that are started by what `work` does at once. */
function whileHeard<T>(started: (message: unknown) => void, work: () => T): T {
  subscribe("child_process", started);
  try {
    return work();
  } finally {
    unsubscribe("child_process", started);
  }
}
