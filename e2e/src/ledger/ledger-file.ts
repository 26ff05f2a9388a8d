import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file to which tasks append lines, whatever becomes of the process that runs them; short appends are never torn. */
export class LedgerFile implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "muster-ledger-"));
  readonly path = join(this.directory, "ledger");
  #text: string | undefined;

  constructor() {
    writeFileSync(this.path, "");
  }

  /** Whether a line begins so. */
  has(beginning: string): boolean {
    return this.lastOf(beginning) >= 0;
  }

  /** How many lines begin so. */
  count(beginning: string): number {
    return this.#lines.split(`\n${beginning}`).length - 1;
  }

  /** Where the last line that begins so is, in bytes; -1: nowhere. To be asked when nothing is written any more. */
  lastOf(beginning: string): number {
    return this.#lines.lastIndexOf(`\n${beginning}`);
  }

  get #lines(): string {
    this.#text ??= `\n${readFileSync(this.path, "latin1")}`;
    return this.#text;
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
