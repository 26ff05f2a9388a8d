import fc from "fast-check";
import { expect, test } from "vitest";
import { LineSplitter } from "./line-splitter.ts";

test("lines come out whole, however the bytes are cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-zäß€😀]{0,9}$/u)),
      fc.integer({ min: 1, max: 7 }),
      (lines, size) => {
        const got: string[] = [];
        const splitter = new LineSplitter((line) => got.push(line));
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        for (let at = 0; at < bytes.length; at += size) splitter.write(bytes.subarray(at, at + size));
        splitter.end();
        expect(got).toEqual(lines);
      },
    ),
  );
});

test("a line without an end is cut, and none of it is lost", () => {
  const got: string[] = [];
  const splitter = new LineSplitter((line) => got.push(line));
  splitter.write(Buffer.alloc(200_000, "x"));
  splitter.end();
  expect(got.join("")).toHaveLength(200_000);
  expect(Math.max(...got.map((line) => line.length))).toBeLessThanOrEqual(65_536);
});
