import { expect, test } from "vitest";
import { describeError, userFrames } from "./describe-error.ts";

const options = { ownDirectory: "/repo/core/dist/", baseDirectory: "/home/ada/project" };

function errorWith(stack: string[], message = "no such file", cause?: unknown): Error {
  const error = new Error(message, { cause });
  error.stack = [`Error: ${message}`, ...stack.map((line) => `    ${line}`)].join("\n");
  return error;
}

test("only the user's own frames stay, with short paths", () => {
  const error = errorWith([
    "at countWords (file:///home/ada/project/flows/count.ts:12:9)",
    "at async file:///home/ada/project/my%20flows/a.ts:3:1",
    "at parse (/home/ada/project/node_modules/yaml/index.js:4:2)",
    "at Array.map (<anonymous>)",
    "at run (file:///repo/core/dist/worker/task-thread.js:80:5)",
    "at submit (/home/ada/project/node_modules/@muster/core/dist/flow/task.js:1:1)",
    "at process.processTicksAndRejections (node:internal/process/task_queues:105:5)",
    "at other (/elsewhere/b.ts:1:1)",
  ]);
  expect(userFrames(error, options)).toEqual([
    "at countWords (flows/count.ts:12:9)",
    "at my flows/a.ts:3:1",
    "at other (/elsewhere/b.ts:1:1)",
  ]);
});

test("an error comes with its causes, each with its frames", () => {
  const cause = errorWith(["at read (/home/ada/project/b.ts:2:2)"], "disk is gone");
  expect(
    describeError(errorWith(["at load (/home/ada/project/a.ts:1:1)"], "cannot load", cause), options),
  ).toEqual([
    "Error: cannot load",
    "    at load (a.ts:1:1)",
    "caused by: Error: disk is gone",
    "    at read (b.ts:2:2)",
  ]);
});

test("a cause that comes round again ends the chain", () => {
  const error = errorWith([], "a");
  error.cause = errorWith([], "b", error);
  expect(describeError(error, options)).toEqual(["Error: a", "caused by: Error: b"]);
});

test("a thrown value that is no error is shown as it is", () => {
  expect(describeError({ status: 404 }, options)).toEqual(["{ status: 404 } (thrown, but no Error)"]);
});

test("the errors of an AggregateError are listed", () => {
  const error = new AggregateError([errorWith([], "one"), errorWith([], "two")], "2 tasks failed");
  error.stack = "";
  expect(describeError(error, options)).toEqual([
    "AggregateError: 2 tasks failed",
    "  Error: one",
    "  Error: two",
  ]);
});
