import { expect, test } from "vitest";
import { Progress } from "../events/progress.ts";
import { formatSummary } from "./summary.ts";

test("tasks, their rate, and the cluster's boot and teardown", () => {
  const progress = new Progress();
  const cluster = { type: "cluster", cluster: "LocalCluster" } as const;
  progress.record({ ...cluster, at: 0, state: "ready", durationMs: 85 });
  for (let id = 1; id <= 3000; id++)
    progress.record({ type: "task", at: 100, id, name: "a", state: "Pending", attempt: 0 });
  for (let id = 1; id <= 3000; id++)
    progress.record({ type: "task", at: 1600, id, name: "a", state: "Success", attempt: 1 });
  progress.record({ ...cluster, at: 1700, state: "closed", durationMs: 12 });
  expect(formatSummary(progress, 2000)).toBe(
    "3,000 tasks in 1.5 s (2,000/s) · cluster booted in 85 ms, gone in 12 ms",
  );
});

test("a run that ended before its cluster was there says so", () => {
  const progress = new Progress();
  progress.record({ type: "flow", at: 1000, flowName: "f", flowRunId: "run-1", state: "Running" });
  progress.record({ type: "cluster", at: 1000, cluster: "LocalCluster", state: "failed" });
  expect(formatSummary(progress, 3000)).toBe("no task finished in 2.0 s · cluster did not boot");
});

test("a run that was done before all workers were there says so", () => {
  const progress = new Progress();
  for (const [at, state] of [
    [0, "Pending"],
    [200, "Success"],
  ] as const)
    progress.record({ type: "task", at, id: 1, name: "a", state, attempt: 1 });
  progress.record({ type: "cluster", cluster: "LocalCluster", at: 212, state: "closed", durationMs: 12 });
  expect(formatSummary(progress, 300)).toBe("1 task in 200 ms (5/s) · cluster booted in part, gone in 12 ms");
});
