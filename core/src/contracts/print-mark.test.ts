import { expect, test } from "vitest";
import { PrintMarker, readMark } from "./print-mark.ts";

const one = { task: "one", taskRun: 1, attempt: 2 };
const two = { task: "a#1.1 task", taskRun: 2, attempt: 1 };

/** What arrives of prints that went out together. */
function arrives(...prints: [text: string, owner: typeof one | undefined][]) {
  const marker = new PrintMarker();
  const lines = prints
    .map(([text, owner]) => marker.mark(Buffer.from(text), owner))
    .join("")
    .split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => {
    const { text, owner } = readMark(line);
    return [text, owner?.task, owner?.attempt];
  });
}

test("each line carries its task and attempt, also lines that were printed together or in pieces", () => {
  expect(arrives(["a\nb\n", one], ["c", one], ["d\n\n", one], ["e\n", two])).toEqual([
    ["a", "one", 2],
    ["b", "one", 2],
    ["cd", "one", 2],
    ["", "one", 2],
    ["e", "a#1.1 task", 1],
  ]);
});

test("a line that another task breaks into ends there, and what no task printed has no task", () => {
  expect(arrives(["a", one], ["b\n", two], ["c", undefined], ["d\n", one])).toEqual([
    ["a", "one", 2],
    ["b", "a#1.1 task", 1],
    ["c", undefined, undefined],
    ["d", "one", 2],
  ]);
});

test("what a user prints that looks like a mark is text", () => {
  expect(readMark("\u001enothing").text).toBe("\u001enothing");
  expect(readMark("one#1.1 x").owner).toBeUndefined();
});
