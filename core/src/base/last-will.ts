import { type ChildProcess, spawn } from "node:child_process";
import { currentDirectory, isHereGone } from "./places.ts";
import { startPatiently } from "./start-program.ts";

/** Waits until nobody writes to its input any more, which a process that is killed cannot prevent. */
const EXECUTOR = `
let text = "";
process.stdin.setEncoding("utf8").on("data", (more) => { text += more; }).on("end", () => {
  const pids = new Set();
  for (const line of text.split("\\n").filter(Boolean)) {
    if (line[0] === "+") pids.add(Number(line.slice(1)));
    else pids.delete(Number(line.slice(1)));
  }
  for (const pid of pids) try { process.kill(pid, "SIGKILL"); } catch {}
  require("node:fs").rmSync(process.argv[1], { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});
process.on("SIGINT", () => {}).on("SIGTERM", () => {}).on("SIGHUP", () => {});
`;

/**
 * What is to be done when this process dies, however it dies: processes end, and a directory is removed. A small process
 * of its own sees to it, in a group of its own, at once.
 */
export class LastWill {
  readonly #executor: ChildProcess;

  /**
   * @param directory what to remove
   * @throws StartProgramError when no further process can be started
   */
  static async make(directory: string, signal?: AbortSignal): Promise<LastWill> {
    // What NODE_OPTIONS says is for programs, and what marks those of a run is not for what outlives it.
    const { LD_LIBRARY_PATH, SystemRoot } = process.env;
    const enough = { LD_LIBRARY_PATH, SystemRoot };
    const start = (): Promise<ChildProcess> =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, ["--max-old-space-size=16", "--eval", EXECUTOR, directory], {
          cwd: isHereGone() ? currentDirectory() : undefined,
          detached: true,
          env: enough,
          stdio: ["pipe", "ignore", "ignore"],
        });
        child.on("error", reject);
        child.once("spawn", () => resolve(child));
      });
    return new LastWill(
      await startPatiently(process.execPath, start, signal === undefined ? {} : { signal }),
    );
  }

  private constructor(executor: ChildProcess) {
    this.#executor = executor;
    // It waits for this process, and not the other way round.
    executor.unref();
    const input = executor.stdin as NonNullable<ChildProcess["stdin"]> & { unref?(): void };
    input.unref?.();
    input.on("error", () => {});
  }

  /** This process is to end as well, until it is forgotten. */
  add(pid: number): void {
    this.#executor.stdin!.write(`+${pid}\n`);
  }

  /** It has ended, and its number may be another's. */
  forget(pid: number): void {
    this.#executor.stdin!.write(`-${pid}\n`);
  }

  /** Nothing is to be done any more. */
  revoke(): void {
    this.#executor.kill("SIGKILL");
  }
}
