import { expect, test } from "vitest";
import { formatReport } from "./duplicate-report.ts";

test("the report sums up what is wasted and shows the largest groups by one of their paths", () => {
  const groups = [
    { bytes: 2_000_000, paths: ["/m/a/x.js", "/m/b/x.js"] },
    { bytes: 100, paths: [`/m/${"long/".repeat(20)}y.js`, "/m/2", "/m/3", "/m/4"] },
  ];
  expect(formatReport(groups, "/m").split("\n")).toEqual([
    "4 files in /m are copies of others. They waste 2.0 MB:",
    "    2.0 MB      2 × 2.0 MB  a/x.js",
    `     300 B       4 × 100 B  …${"long/".repeat(20).slice(-55)}y.js`,
  ]);
});

test("of many groups only the ten first are shown, and the others counted", () => {
  const groups = Array.from({ length: 50 }, (_, n) => ({ bytes: 100, paths: [`/m/a${n}`, `/m/b${n}`] }));
  const lines = formatReport(groups, "/m").split("\n");
  expect(lines).toHaveLength(1 + 10 + 1);
  expect(lines.at(-1)).toBe("… and 40 smaller groups");
});
