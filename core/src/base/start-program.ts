import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { type Clock, systemClock } from "./clock.ts";
import { brand, MusterError } from "./errors.ts";
import { currentDirectory, isHereGone } from "./places.ts";
import { delay } from "./wait.ts";

/** A program that runs; what it prints is to be read. */
export type RunningProgram = ChildProcessByStdio<null, Readable, Readable>;

export interface StartProgramOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether it leads a process group of its own. @default false */
  readonly detached?: boolean;
  /** Whether messages go to and fro: `child.send`, and `process.send` there. @default false */
  readonly hasMessages?: boolean;
  /** Ends the patience with a machine that has no room for it. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** A program that does not run, and why. */
export class StartProgramError extends MusterError {
  /** Trying again cannot help. */
  readonly permanent: boolean;

  constructor(program: string, cause: NodeJS.ErrnoException) {
    const { why, permanent = false } = KNOWN[cause.code ?? ""] ?? {};
    const words = why === undefined ? cause.message : `${why} (${cause.message})`;
    super("CLUSTER_START", `the program ${program} cannot be started: ${words}`, { cause });
    this.permanent = permanent;
  }

  static {
    brand(StartProgramError, "StartProgramError");
  }
}

interface KnownFailure {
  /** What it means, and what to do; undefined where the system's own words say all. */
  readonly why?: string;
  readonly permanent?: boolean;
  /** The machine had no room for it, which it may have in a moment. */
  readonly passes?: boolean;
}

const KNOWN: Readonly<Record<string, KnownFailure>> = {
  EMFILE: {
    why: 'this process has as many files open as it may: "ulimit -n" shows and raises the limit, or use fewer workers',
    passes: true,
  },
  ENFILE: {
    why: "this machine has as many files open as it may: the setting fs.file-max raises the limit",
    passes: true,
  },
  EAGAIN: {
    why: 'there are as many processes and threads as there may be: "ulimit -u", or the limit of the container, raises it, or use fewer workers',
    passes: true,
  },
  ENOMEM: { why: "this machine has no memory for it: use fewer workers, or a larger machine", passes: true },
  E2BIG: {
    why: "its environment and arguments are larger than the system takes: give large values to tasks as arguments, not in env",
    permanent: true,
  },
  ENOENT: { permanent: true },
  EACCES: { permanent: true },
  ENOEXEC: { permanent: true },
};

/** Milliseconds before each further try, where the machine had no room. */
const RETRY_MS = [50, 150, 450, 1000];

/**
 * Starts a program, and gives it once it runs.
 * @throws StartProgramError when it cannot be started, or, for want of room, could not for two seconds
 */
export function startProgram(
  [program, ...args]: readonly [string, ...string[]],
  options: StartProgramOptions,
): Promise<RunningProgram> {
  return startPatiently(program, () => start(program, args, options), options);
}

/** The same for one that `start` starts: what it says of a failed `spawn` is turned into such an error. */
export async function startPatiently<T>(
  program: string,
  start: () => Promise<T>,
  { signal, clock = systemClock }: Pick<StartProgramOptions, "signal" | "clock"> = {},
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await start();
    } catch (thrown) {
      const error = thrown as NodeJS.ErrnoException;
      if (error.syscall?.startsWith("spawn") !== true) throw error;
      const retryMs = RETRY_MS[tries];
      if (retryMs === undefined || KNOWN[error.code ?? ""]?.passes !== true)
        throw new StartProgramError(program, error);
      await delay(retryMs, { signal, clock });
    }
  }
}

function start(
  program: string,
  args: readonly string[],
  { env, detached = false, hasMessages = false }: StartProgramOptions,
): Promise<RunningProgram> {
  return new Promise((resolve, reject) => {
    // Some failures are thrown, some are told of by a child that has no output to listen to.
    const cwd = isHereGone() ? currentDirectory() : undefined;
    const stdio = ["ignore", "pipe", "pipe", ...(hasMessages ? (["ipc"] as const) : [])] as const;
    const child = spawn(program, args, { cwd, detached, env, stdio: [...stdio] }) as RunningProgram;
    // More than one error can come (a failed kill); none may go unheard.
    child.on("error", reject);
    child.once("spawn", () => resolve(child));
  });
}
