import { expect, test } from "vitest";
import { MusterError } from "../base/errors.ts";
import { Progress } from "../events/progress.ts";
import { State } from "../flow/index.ts";
import { formatJsonReport } from "./json-report.ts";

function reportOf(state: State) {
  return JSON.parse(formatJsonReport(state, new Progress(), 0));
}

test("results that JSON does not know become what it knows", () => {
  const result = { map: new Map([["a", 1]]), set: new Set([1]), big: 2n ** 64n, date: new Date(0) };
  expect(reportOf(new State("Success", { result })).result).toEqual({
    map: [["a", 1]],
    set: [1],
    big: "18446744073709551616",
    date: "1970-01-01T00:00:00.000Z",
  });
});

test("a result that goes round in circles is left out, and the message says why", () => {
  const result: { self?: unknown } = {};
  result.self = result;
  const report = reportOf(new State("Success", { result }));
  expect(report).toMatchObject({
    state: "Success",
    message: expect.stringContaining("The result is not JSON"),
  });
  expect(report).not.toHaveProperty("result");
});

test("an error comes with its code and its causes", () => {
  const error = new MusterError("WORKER_LOST", "gone", { cause: new TypeError("why") });
  expect(reportOf(new State("Failed", { error }))).toMatchObject({
    state: "Failed",
    message: "gone",
    error: {
      name: "MusterError",
      code: "WORKER_LOST",
      message: "gone",
      cause: { name: "TypeError", message: "why" },
    },
  });
});
