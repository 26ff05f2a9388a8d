import { expect, test } from "vitest";
import { InvalidOptionError } from "../base/errors.ts";
import { flow, isFlow, State, task } from "./index.ts";

test("a task has the name that it is given, else its function's", () => {
  expect(task("by-name", () => 1).taskName).toBe("by-name");
  expect(task({ name: "by-option", retries: 1 }, () => 1).taskName).toBe("by-option");
  expect(task(function ofFunction() {}).taskName).toBe("ofFunction");
  expect(task({ retries: 1 }, function ofFunctionToo() {}).taskName).toBe("ofFunctionToo");
  expect(() => task(() => 1)).toThrow(InvalidOptionError);
});

test("a flow has the name that it is given, else its function's", () => {
  expect(flow("by-name", () => 1).name).toBe("by-name");
  expect(flow({ name: "by-option" }, () => 1).name).toBe("by-option");
  expect(flow(function ofFunction() {}).name).toBe("ofFunction");
  expect(() => flow({}, () => 1)).toThrow(InvalidOptionError);
});

test("what is no function is refused", () => {
  expect(() => task("half" as never)).toThrow(/no function/);
  expect(() => flow("half", 3 as never)).toThrow("flow() was given no function, but number.");
});

test("outside of a flow a task is called like its function, and cannot be mapped", async () => {
  const double = task("double", async (n: number) => n * 2);
  expect(await double(4)).toBe(8);
  expect(() => double.map([1])).toThrow(/works inside a flow/);
});

test("a flow is known as one, whichever copy of this package made it", () => {
  expect(isFlow(flow("one", () => 1))).toBe(true);
  expect([{}, null, "flow", () => 1, task("no-flow", () => 1)].map(isFlow)).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
});

test("a run without any task has what its function returns", async () => {
  expect((await flow("plain", ({ n }: { n: number }) => [n]).run({ parameters: { n: 1 } })).unwrap()).toEqual(
    [1],
  );
});

test("a state gives its result, or throws why there is none", () => {
  expect(new State("Success", { result: 1 }).unwrap()).toBe(1);
  expect(() => new State("Failed", { error: new RangeError("too far") }).unwrap()).toThrow(RangeError);
  expect(() => new State("Cancelled", { message: "enough" }).unwrap()).toThrow(
    "The run ended as Cancelled: enough",
  );
  expect(String(new State("Failed", { error: new Error("why") }))).toBe("Failed: why");
});
