import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Files by which tests and tasks speak to each other: gates, at which tasks wait, and notes that they take. */
export class Scratch implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "muster-engine-"));
  readonly #closedGates = new Set<string>();

  /** A name for a file that is not there yet. */
  file(): string {
    return join(this.#directory, randomUUID());
  }

  /** What waits at it waits until it is opened. */
  gate(): string {
    const gate = this.file();
    this.#closedGates.add(gate);
    return gate;
  }

  open(gate: string): void {
    writeFileSync(gate, "");
    this.#closedGates.delete(gate);
  }

  /** So that nothing goes on that a test began and left. */
  openAll(): void {
    for (const gate of this.#closedGates) this.open(gate);
  }

  /** The words that tasks noted in a file. */
  notes(file: string): string[] {
    return existsSync(file) ? readFileSync(file, "utf8").split(" ").slice(0, -1) : [];
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
