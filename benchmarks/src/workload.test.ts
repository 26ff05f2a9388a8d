import { expect, test } from "vitest";
import { checkValues, WrongResult } from "./workload.ts";

test("the same values pass", () => {
  expect(() => checkValues([1, 2], [1, 2])).not.toThrow();
});

test.each([
  [[1, 3], "result 1 is 3 and must be 2"],
  [[1], "1 results instead of 2"],
])("%j instead of [1, 2] is a wrong result", (seen, message) => {
  expect(() => checkValues(seen, [1, 2])).toThrow(new WrongResult(message));
});
