import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A file to which tasks append, one word at a time: what they did is seen by all, whatever becomes of the process
 * that did it. Short appends to one file are never torn.
 */
export class LogFile implements AsyncDisposable {
  readonly path: string;
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
    this.path = join(directory, "log");
  }

  static async make(): Promise<LogFile> {
    return new LogFile(await mkdtemp(join(tmpdir(), "muster-e2e-")));
  }

  words(): string[] {
    try {
      return readFileSync(this.path, "utf8").split(" ").slice(0, -1);
    } catch {
      return [];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}
