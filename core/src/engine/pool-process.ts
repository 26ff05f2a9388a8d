import { type ChildProcess, spawn } from "node:child_process";
import { endDescendants, killGroup } from "../base/descendants.ts";
import { workerMark } from "../cluster/worker-env.ts";
import type { WorkerDeath } from "../cluster/worker-link.ts";
import { WorkerExitCode } from "../worker/exit-code.ts";
import { workerFile } from "../worker/worker-file.ts";

/** What it printed last, for the error about its end. */
const LAST_LINES = 20;
/** One that was told to end has so long, in milliseconds. */
const END_MS = 1500;

/** A process of a pool, in a group of its own: with it goes what its tasks started; the terminal's Ctrl-C is for the driver. */
export class PoolProcess {
  /** Settles when it has ended, and all that its tasks started. */
  readonly ended: Promise<WorkerDeath>;
  readonly #child: ChildProcess;

  /** @param env on top of this process's own */
  constructor(env: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [workerFile()], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    const lines = lastLines(this.#child);
    this.ended = new Promise((resolve) => {
      this.#child.on("error", (error) => resolve({ reason: error.message, lastLines: [] }));
      this.#child.on("exit", (code, signal) => {
        // One that ends in peace does so itself.
        if (code === WorkerExitCode.done) this.kill();
        else endDescendants({ pid: this.#child.pid, mark: workerMark(env) });
        resolve({ ...howItEnded(code, signal), lastLines: lines() });
      });
    });
  }

  /** Ends it at once, with its group. */
  kill(): void {
    if (this.#child.pid !== undefined) killGroup(this.#child.pid);
  }

  /** Ends one that was told to end, if it does not. Resolves when it is gone. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.kill(), END_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

function howItEnded(code: number | null, signal: NodeJS.Signals | null): Omit<WorkerDeath, "lastLines"> {
  if (signal === null)
    return { reason: `its process ended with exit code ${code}`, ...(code !== null && { exitCode: code }) };
  return { reason: `its process was ended by ${signal}`, signal };
}

/** Keeps what a child prints last, and passes all of it on. */
function lastLines(child: ChildProcess): () => string[] {
  let text = "";
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    from?.on("data", (chunk: Buffer) => {
      to.write(chunk);
      text = `${text}${chunk.toString()}`.slice(-10_000);
    });
  }
  return () => text.split("\n").filter(Boolean).slice(-LAST_LINES);
}
