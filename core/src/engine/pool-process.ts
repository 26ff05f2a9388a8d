import { type Ancestor, endDescendantsSoon, killGroup } from "../base/descendants.ts";
import { type RunningProgram, startProgram } from "../base/start-program.ts";
import { workerMark } from "../contracts/worker-env.ts";
import { WorkerExitCode } from "../contracts/worker-exit-code.ts";
import { workerFile } from "../contracts/worker-file.ts";
import type { WorkerDeath } from "../contracts/worker-link.ts";

/** What it printed last, for the error about its end. */
const LAST_LINES = 20;
/** One that was told to end has so long, in milliseconds. */
const END_MS = 1500;

/** A process of a pool, in a group of its own: with it goes what its tasks started; the terminal's Ctrl-C is for the driver. */
export class PoolProcess {
  /** Settles when it has ended, and all that its tasks started. */
  readonly ended: Promise<WorkerDeath>;
  /** Itself, and what its tasks start. */
  readonly ancestor: Ancestor;

  private constructor(child: RunningProgram, env: Readonly<Record<string, string>>) {
    this.ancestor = { pid: child.pid, mark: workerMark(env) };
    this.ended = this.#watch(child);
  }

  /**
   * @param env on top of this process's own
   * @throws StartProgramError
   */
  static async start(env: Readonly<Record<string, string>>, signal: AbortSignal): Promise<PoolProcess> {
    const options = { env: { ...process.env, ...env }, detached: true, signal };
    return new PoolProcess(await startProgram([process.execPath, workerFile()], options), env);
  }

  async #watch(child: RunningProgram): Promise<WorkerDeath> {
    const death = await endOf(child);
    // One that ends in peace has ended what its tasks started, as far as it knows of it.
    if (death.exitCode === WorkerExitCode.done) killGroup(this.ancestor);
    else await endDescendantsSoon(this.ancestor);
    return death;
  }

  /** Ends it, with all that its tasks started. */
  kill(): void {
    void endDescendantsSoon(this.ancestor);
  }

  /** Ends one that was told to end, if it does not. Resolves when it is gone. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.kill(), END_MS);
    await this.ended;
    clearTimeout(timer);
  }
}

function endOf(child: RunningProgram): Promise<WorkerDeath> {
  const lines = lastLines(child);
  return new Promise((resolve) => {
    child.once("exit", (code, signal) => resolve({ ...howItEnded(code, signal), lastLines: lines() }));
  });
}

function howItEnded(code: number | null, signal: NodeJS.Signals | null): Omit<WorkerDeath, "lastLines"> {
  if (signal === null)
    return { reason: `its process ended with exit code ${code}`, ...(code !== null && { exitCode: code }) };
  return { reason: `its process was ended by ${signal}`, signal };
}

/** Keeps what a child prints last, and passes all of it on. */
function lastLines(child: RunningProgram): () => string[] {
  let text = "";
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    from.on("data", (chunk: Buffer) => {
      to.write(chunk);
      text = `${text}${chunk.toString()}`.slice(-10_000);
    });
  }
  return () => text.split("\n").filter(Boolean).slice(-LAST_LINES);
}
