import { appendFileSync, readFileSync } from "node:fs";

// Copied into the user's project of a situation, with this path filled in. Containers see the same file.
const LEDGER = "@LEDGER@";

/** Writes down that this ran: a word that nobody loses, whatever becomes of the process. */
export function ran(word: string | number): void {
  // One short append to a file is never torn.
  appendFileSync(LEDGER, `${word}\n`);
}

/** Waits until the test says this word with `scene.tell`, or another task with `ran`. */
export async function told(word: string): Promise<void> {
  while (!readFileSync(LEDGER, "utf8").split("\n").includes(word)) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Never ends by itself, and keeps its thread alive. */
export function forever(): Promise<never> {
  return new Promise(() => setInterval(() => {}, 1000));
}

/** Keeps the thread busy for so many milliseconds; no signal and no timer gets in between. */
export function compute(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
