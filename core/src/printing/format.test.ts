import { expect, test } from "vitest";
import { formatCount, formatDuration, formatPlural } from "./format.ts";

test.each([
  [0, "0 ms"],
  [85.4, "85 ms"],
  [999.6, "1.0 s"],
  [3200, "3.2 s"],
  [59_960, "1 min 0 s"],
  [125_000, "2 min 5 s"],
  [3_840_000, "1 h 4 min"],
])("%d ms is %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test("counts have thousands and nouns their plural", () => {
  expect(formatCount(12345)).toBe("12,345");
  expect(formatPlural(1, "worker")).toBe("1 worker");
  expect(formatPlural(0, "worker")).toBe("0 workers");
});
