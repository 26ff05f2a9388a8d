import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { blobDirectoriesOf, processesWith } from "./left-behind.ts";

/** The file behind the command `muster`. */
export const MUSTER = join(
  dirname(createRequire(import.meta.url).resolve("@muster/core/package.json")),
  "bin",
  "muster.mjs",
);

export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Who it runs as. @default as whom the tests run */
  readonly uid?: number;
  /** @default this Node */
  readonly program?: string;
}

/** A setting in the environment by which a program's descendants can be told from all other processes. */
export const MARK = "MUSTER_E2E_MARK";

/** A program in a process group of its own, whose descendants can be told from all other processes. */
export class Child implements AsyncDisposable {
  readonly ended: Promise<ChildEnd>;
  readonly #process: ChildProcess;
  readonly #mark: string;
  readonly #listeners = new Set<() => void>();
  stdout = "";
  stderr = "";

  constructor(args: readonly string[], options: ChildOptions = {}) {
    const { program = process.execPath, cwd, uid } = options;
    // Vitest's own settings are not for the programs that it tests.
    const { NODE_OPTIONS: _options, FORCE_COLOR: _color, ...inherited } = process.env;
    const env: NodeJS.ProcessEnv = { ...inherited, NO_COLOR: "1", [MARK]: randomUUID(), ...options.env };
    this.#mark = `${MARK}=${env[MARK]}`;
    this.#process = spawn(program, args, {
      env,
      detached: true,
      ...(cwd !== undefined && { cwd }),
      ...(uid !== undefined && { uid, gid: uid }),
    });
    this.#process.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#told();
    });
    this.#process.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#told();
    });
    // A test that ran out of time does not get to its end.
    const kill = (): void => this.killGroup("SIGKILL");
    process.on("exit", kill);
    this.ended = new Promise((resolve, reject) => {
      this.#process.once("error", reject);
      this.#process.once("close", (exitCode, signal) => {
        process.off("exit", kill);
        resolve({ exitCode, signal, stdout: this.stdout, stderr: this.stderr });
        this.#told();
      });
    });
  }

  /** `muster …` */
  static muster(args: readonly string[], options?: ChildOptions): Child {
    return new Child([MUSTER, ...args], options);
  }

  /** A program of the folder `fixtures`. */
  static fixture(name: string, args: readonly string[] = [], nodeOptions: readonly string[] = []): Child {
    return new Child([...nodeOptions, Child.pathOf(name), ...args]);
  }

  static pathOf(fixture: string): string {
    return fileURLToPath(new URL(`../fixtures/${fixture}`, import.meta.url));
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  /** Waits until it has printed this; fails when it ends without. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (found !== null) return found;
      if (this.hasEnded) {
        throw new Error(`The program ended without printing ${pattern}:\n${this.stdout}${this.stderr}`);
      }
      await new Promise<void>((resolve) => this.#listeners.add(resolve));
    }
  }

  /** To the program alone. */
  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** The reader of what it prints goes away; that of a terminal, too. */
  closeOutput(): void {
    this.#process.stdout!.destroy();
    this.#process.stderr!.destroy();
  }

  closeStdin(): void {
    this.#process.stdin!.destroy();
  }

  /** To its whole process group, as a terminal does. */
  killGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  /** It and all that it started, down to workers of workers. */
  processes(): number[] {
    return processesWith(this.#mark);
  }

  workers(): number[] {
    return processesWith(this.#mark, "MUSTER_WORKER_ID");
  }

  /** Whatever a test that failed left. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.processes()) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended with the one before it.
      }
    }
    await this.ended;
    for (const directory of blobDirectoriesOf(this.pid)) rmSync(directory, { recursive: true, force: true });
  }

  #told(): void {
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}
