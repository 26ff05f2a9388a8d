import { expect, test } from "vitest";
import { judgeGoals } from "./goals.ts";
import type { Row } from "./measure.ts";

const noopRow = (system: Row["system"], value: number): Row => ({
  workload: "noop",
  system,
  metric: "throughput",
  value,
  unit: "tasks/s",
  rounds: 5,
});

function judgeNoopAgainstDask(rows: readonly Row[]) {
  return judgeGoals(rows).find(({ goal }) => goal.workload === "noop" && goal.peer === "dask");
}

test("a goal is reached by the ratio of two numbers of one run", () => {
  const rows = [noopRow("muster-local", 200_000), noopRow("dask", 1_000)];
  expect(judgeNoopAgainstDask(rows)).toMatchObject({ ratio: 200, reached: true });
});

test("a goal is missed below its ratio", () => {
  const rows = [noopRow("muster-local", 199_000), noopRow("dask", 1_000)];
  expect(judgeNoopAgainstDask(rows)).toMatchObject({ ratio: 199, reached: false });
});

test("a goal whose peer did not run is not reached and has no ratio", () => {
  expect(judgeNoopAgainstDask([noopRow("muster-local", 200_000)])).toMatchObject({
    ratio: undefined,
    reached: false,
  });
});
