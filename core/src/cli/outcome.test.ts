import picocolors from "picocolors";
import { expect, test } from "vitest";
import { Progress } from "../events/progress.ts";
import { type FailedTask, State } from "../flow/index.ts";
import { formatOutcome } from "./outcome.ts";

const SUMMARY = "no task finished in 0 ms";

function linesOf(state: State, failedTasks: readonly FailedTask[] = []): string[] {
  const view = { now: 0, columns: 40, colors: picocolors.createColors(false) };
  return formatOutcome({ flowName: "sum", state, failedTasks, progress: new Progress() }, view).split("\n");
}

function error(message: string): Error {
  return Object.assign(new Error(message), { stack: "" });
}

test("a result is one line, cut to the terminal", () => {
  expect(linesOf(new State("Success", { result: 3 }))).toEqual(["Success sum", "result: 3", SUMMARY]);
  expect(linesOf(new State("Success"))).toEqual(["Success sum", SUMMARY]);
  expect(linesOf(new State("Success", { result: "x".repeat(100) }))[1]).toHaveLength(40);
});

test("what made the flow fail is told once", () => {
  const failure = error("503");
  const task = { id: 1, name: "fetch", state: new State("Failed", { error: failure }) };
  expect(linesOf(new State("Failed", { error: failure }), [task, task])).toEqual([
    "Failed sum",
    "Task fetch failed 2 times: Error: 503",
    SUMMARY,
  ]);
});

test("an error of the flow itself comes after those of its tasks", () => {
  const task = { id: 1, name: "fetch", state: new State("Failed", { error: error("503") }) };
  expect(linesOf(new State("Failed", { error: error("no pages") }), [task])).toEqual([
    "Failed sum",
    "Task fetch failed: Error: 503",
    "Error: no pages",
    SUMMARY,
  ]);
});

test("a cancelled run says by what", () => {
  const state = new State("Cancelled", {
    message: "The run was cancelled: Ctrl-C was received.",
    error: error("x"),
  });
  expect(linesOf(state)).toEqual(["Cancelled sum", "The run was cancelled: Ctrl-C was received.", SUMMARY]);
});
