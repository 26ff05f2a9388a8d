import { closeSync, openSync, writeSync } from "node:fs";
import type { MusterEvent } from "../contracts/event.ts";
import { UsageError } from "./usage-error.ts";

const BATCH_CHARACTERS = 64 * 1024;

/** Writes every event as one line of JSON. */
export class EventsFile implements Disposable {
  readonly #file: number;
  #batch = "";

  /** @throws UsageError when the file cannot be written */
  constructor(path: string) {
    try {
      this.#file = openSync(path, "w");
    } catch (error) {
      throw new UsageError(`--events ${path}: the file cannot be written: ${(error as Error).message}.`);
    }
  }

  record(event: MusterEvent): void {
    this.#batch += `${JSON.stringify(event)}\n`;
    if (this.#batch.length >= BATCH_CHARACTERS) this.#flush();
  }

  [Symbol.dispose](): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    writeSync(this.#file, this.#batch);
    this.#batch = "";
  }
}
