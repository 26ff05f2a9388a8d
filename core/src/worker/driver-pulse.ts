import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isProcess } from "../base/is-process.ts";
import { type DialTarget, dial } from "../wire/dial.ts";

/** `silent`: it is stopped, or cannot be reached; it may still come back. `gone`: it never will. */
export type DriverState = "alive" | "silent" | "gone";

/**
 * How a worker can tell whether its driver lives while nothing comes from it: the driver's heartbeats come from the
 * thread that also runs the user's flow, which may be busy for minutes.
 */
export interface DriverPulse {
  feel(): Promise<DriverState>;
}

/** A pulse that does not answer within this many milliseconds is none. */
const ANSWER_MS = 1000;

/** A driver on the same machine: the operating system knows what its process does. */
export class ProcessPulse implements DriverPulse {
  readonly #pid: number;

  constructor(pid: number) {
    this.#pid = pid;
  }

  async feel(): Promise<DriverState> {
    if (!isProcess(this.#pid)) return "gone";
    // Windows has neither, and cannot stop a process.
    if (process.platform === "win32") return "alive";
    // One letter: T or t for a process that is stopped, Z for one that has ended.
    const state = existsSync("/proc/self/stat")
      ? await stateFromProc(this.#pid)
      : await stateFromPs(this.#pid);
    // A process that there is counts as alive, also where nothing tells how it is: without /proc, or room to read it.
    if (state === undefined) return isProcess(this.#pid) ? "alive" : "gone";
    if (state === "Z") return "gone";
    return state === "T" || state === "t" ? "silent" : "alive";
  }
}

async function stateFromProc(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name before the state may contain anything, parentheses too.
    return stat.charAt(stat.lastIndexOf(")") + 2);
  } catch {
    return undefined;
  }
}

function stateFromPs(pid: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile("ps", ["-o", "stat=", "-p", String(pid)], { timeout: ANSWER_MS }, (error, stdout) => {
      resolve(error === null ? stdout.trim().charAt(0) || undefined : undefined);
    });
  });
}

/** A driver elsewhere: a thread of it that does nothing else answers. */
export class SocketPulse implements DriverPulse {
  readonly #target: DialTarget;

  constructor(target: DialTarget) {
    this.#target = target;
  }

  feel(): Promise<DriverState> {
    return new Promise((resolve) => {
      const socket = dial(this.#target);
      const answer = (state: DriverState): void => {
        socket.destroy();
        resolve(state);
      };
      socket.setTimeout(ANSWER_MS, () => answer("silent"));
      socket.on("data", () => answer("alive"));
      socket.on("error", (error: NodeJS.ErrnoException) =>
        answer(error.code === "ECONNREFUSED" ? "gone" : "silent"),
      );
      socket.on("close", () => answer("silent"));
    });
  }
}
