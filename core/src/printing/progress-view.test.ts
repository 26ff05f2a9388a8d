import picocolors from "picocolors";
import { expect, test } from "vitest";
import type { StateName } from "../contracts/event.ts";
import { Progress } from "../events/progress.ts";
import { type RenderOptions, renderProgress } from "./progress-view.ts";
import { printable, textWidth } from "./text-width.ts";

const plain = picocolors.createColors(false);
const wide: RenderOptions = { columns: 120, rows: 20, now: 2000, colors: plain };

/** A run of tasks in the given states, `states` of one name each. */
function progressOf(tasks: Record<string, StateName[]>): Progress {
  const progress = new Progress();
  progress.record({ type: "flow", at: 1000, flowName: "f", flowRunId: "run-1", state: "Running" });
  let id = 0;
  for (const [name, states] of Object.entries(tasks)) {
    for (const state of states)
      progress.record({ type: "task", at: 1000, id: ++id, name, state, attempt: 1 });
  }
  return progress;
}

test("a line a task name with its bar and counts, and one for the workers", () => {
  const progress = progressOf({
    "hash-files": ["Success", "Failed", "Running", "Retrying"],
    merge: ["Pending"],
  });
  progress.record({ type: "worker", at: 1000, worker: "w-1", state: "ready", slots: 1 });
  progress.record({ type: "worker", at: 1000, worker: "w-2", state: "booting" });

  const lines = renderProgress(progress, wide);
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^hash-files {2}█{14,15}▒+░+ {2}2\/4 {2}1 running {2}1 failed {2}1 retried$/);
  expect(lines[1]).toMatch(/^merge {7}░{30} {2}0\/1$/);
  expect(lines[2]).toMatch(/^workers {5}1 ready {2}1 booting {2}2,000 tasks\/s {2}1\.0 s$/);
});

test("a finished name has a full bar", () => {
  expect(renderProgress(progressOf({ a: ["Success", "Success", "Success"] }), wide)[0]).toContain(
    `${"█".repeat(30)}  3/3`,
  );
});

test("what did not succeed is part of the bar in another colour", () => {
  const colors = picocolors.createColors(true);
  const line = renderProgress(progressOf({ a: ["Success", "Failed"] }), { ...wide, colors })[0]!;
  expect(line).toContain(colors.green("█".repeat(15)) + colors.red("█".repeat(15)));
});

test.each([200, 80, 40, 20, 5])("no line is wider than %d columns, with or without colour", (columns) => {
  const progress = progressOf({
    [`an extremely long name of a task, ${"日本語".repeat(20)}`]: [
      "Running",
      "Failed",
      "Crashed",
      "Retrying",
    ],
    short: ["Success"],
  });
  for (const colors of [plain, picocolors.createColors(true)]) {
    for (const line of renderProgress(progress, { ...wide, columns, colors })) {
      expect(textWidth(printable(line))).toBeLessThanOrEqual(columns);
    }
  }
});

test("the bar gives way to the counts in a narrow terminal", () => {
  const line = renderProgress(progressOf({ a: ["Running", "Failed"] }), { ...wide, columns: 40 })[0]!;
  expect(line).toMatch(/^a +1\/2 {2}1 running {2}1 failed$/);
});

test("more names than rows: those with work stay, the others are summed up", () => {
  const tasks: Record<string, StateName[]> = {};
  for (let n = 0; n < 50; n++) tasks[`done-${n}`] = ["Success"];
  tasks["waiting"] = ["Pending"];
  tasks["busy"] = ["Running"];

  const lines = renderProgress(progressOf(tasks), { ...wide, rows: 6 });
  expect(lines).toHaveLength(6);
  expect(lines.join("\n")).toMatch(/^waiting .*\n^busy /m);
  expect(lines[4]).toBe("… and 48 more task names, 48 complete");
});

test("a run without a cluster says so", () => {
  expect(renderProgress(progressOf({ a: ["Running"] }), wide).at(-1)).toContain("no cluster");
});

test("a cluster that has no workers yet says what it does", () => {
  const progress = progressOf({});
  progress.record({ type: "cluster", at: 1000, cluster: "LocalCluster", state: "starting" });
  expect(renderProgress(progress, wide)).toEqual([expect.stringContaining("cluster starting")]);
});
