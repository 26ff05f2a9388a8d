import { expect, test } from "vitest";
import { median } from "./measure.ts";

test.each([
  [[5], 5],
  [[9, 1, 5], 5],
  [[10, 9, 1, 2], 5.5],
])("the median of %j is %d", (values, wanted) => {
  expect(median(values)).toBe(wanted);
});
