import { expect } from "vitest";
import type { Expected, Seen, Words } from "./situation.ts";

/** What `muster run` ends with, if the row does not say. */
const EXIT_CODES: Readonly<Record<string, number>> = { Success: 0, Cancelled: 130 };

/** @throws AssertionError for the first thing that is not as it should be */
export async function expectOf(expected: Expected, seen: Seen, by: "program" | "muster run"): Promise<void> {
  const { outcome } = seen;
  if (expected.state !== undefined) expect(outcome?.state, "the final state").toBe(expected.state);
  if (expected.message !== undefined) {
    expect(outcome?.message, "the message of the final state").toMatch(expected.message);
  }
  if (expected.error !== undefined) expect(outcome?.error, "the error").toMatchObject(expected.error);
  if ("result" in expected) expect(outcome?.result, "the flow's result").toEqual(expected.result);
  for (const stream of ["stdout", "stderr"] as const) {
    const words = expected[stream];
    for (const each of Array.isArray(words) ? words : words === undefined ? [] : [words])
      expectWords(seen[stream], each, stream);
  }
  expectEnd(expected, seen, by);
  for (const [word, times] of Object.entries(expected.ran ?? {})) {
    const [least, most] = typeof times === "number" ? [times, times] : times;
    const count = seen.ran.filter((each) => each === word).length;
    expect(count, `how often "${word}" ran`).toBeGreaterThanOrEqual(least);
    expect(count, `how often "${word}" ran`).toBeLessThanOrEqual(most);
  }
  await expected.check?.(seen);
}

function expectWords(text: string, words: Words, stream: string): void {
  if (typeof words === "string") expect(text, stream).toContain(words);
  else if (words instanceof RegExp) expect(text, stream).toMatch(words);
  else if (typeof words.not === "string") expect(text, stream).not.toContain(words.not);
  else expect(text, stream).not.toMatch(words.not);
}

function expectEnd({ exitCode, signal, state }: Expected, seen: Seen, by: "program" | "muster run"): void {
  if (signal !== undefined) {
    expect(seen.signal, "the signal that ended the driver").toBe(signal);
    return;
  }
  const usual = by === "program" || state === undefined ? 0 : (EXIT_CODES[state] ?? 1);
  expect({ exitCode: seen.exitCode, signal: seen.signal }, "how the driver ended").toEqual({
    exitCode: exitCode ?? usual,
    signal: null,
  });
}
