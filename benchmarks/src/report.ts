import { type Goal, type GoalResult, judgeGoals } from "./goals.ts";
import type { Row } from "./measure.ts";
import { type Metrics, WORKLOAD_NAMES, type WorkloadName } from "./system.ts";
import type { Metric } from "./workload.ts";
import { workloads } from "./workloads/index.ts";

export function formatNumber(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString("en-US");
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** For a progress line: `p50 41.2 us, p99 102 us`. */
export function formatMetrics(workload: WorkloadName, metrics: Metrics): string {
  return Object.entries(workloads[workload].metrics)
    .map(([name, { unit }]) => `${name} ${formatNumber(metrics[name]!)} ${unit}`)
    .join(", ");
}

/** All tables of a run: one a workload, then the goals. */
export function formatReport(rows: readonly Row[]): string {
  const tables = WORKLOAD_NAMES.flatMap((workload) => {
    const own = rows.filter((row) => row.workload === workload);
    return own.length === 0 ? [] : [formatWorkload(workload, own)];
  });
  return [...tables, formatGoals(judgeGoals(rows))].join("\n\n");
}

/** A workload with more metrics has no room for comparisons: the numbers stand side by side as they are. */
const MAX_COMPARED = 4;

/** Each metric has two columns: the number, and how far ahead of it Muster is (or, without Muster, the best system). */
function formatWorkload(workload: WorkloadName, rows: readonly Row[]): string {
  const { metrics, title } = workloads[workload];
  const isWide = Object.keys(metrics).length > MAX_COMPARED;
  const metricColumns = Object.entries(metrics).flatMap(([name, metric]) => {
    const own = rows.filter((row) => row.metric === name);
    const reference = own.find(({ system }) => system.startsWith("muster-")) ?? bestOf(own, metric);
    const aheadOf = ({ value }: Row) =>
      metric.better === "higher" ? reference.value / value : value / reference.value;
    const numbers = [`${name}, ${metric.unit}`, ...own.map(({ value }) => formatNumber(value))];
    if (isWide) return [numbers];
    return [numbers, [`${reference.system} ahead`, ...own.map((row) => `${formatNumber(aheadOf(row))}x`)]];
  });
  const systems = ["", ...new Set(rows.map(({ system }) => system))];
  return `${workload}: ${title}\n${alignColumns([systems, ...metricColumns])}`;
}

function bestOf(rows: readonly Row[], { better }: Metric): Row {
  return rows.reduce((best, row) => (row.value > best.value === (better === "higher") ? row : best));
}

function formatGoals(results: readonly GoalResult[]): string {
  return `goals\n${alignColumns([
    ["", ...results.map(({ goal }) => `${goal.workload} ${goal.metric}`)],
    ["ratio of", ...results.map(({ goal }) => (goal.peer ? `${goal.system} / ${goal.peer}` : goal.system))],
    [
      "wanted",
      ...results.map(({ goal }) =>
        goal.atMost === undefined ? `>= ${inUnit(goal, goal.atLeast!)}` : `<= ${inUnit(goal, goal.atMost)}`,
      ),
    ],
    [
      "seen",
      ...results.map(({ goal, ratio }) => (ratio === undefined ? "not measured" : inUnit(goal, ratio))),
    ],
    [
      "",
      ...results.map(({ ratio, reached }) =>
        ratio === undefined ? "" : reached ? "reached" : "NOT REACHED",
      ),
    ],
  ])}`;
}

/** What is compared with a peer is a ratio; what is not has its metric's unit. */
function inUnit({ workload, metric, peer }: Goal, value: number): string {
  const { unit } = workloads[workload].metrics[metric]!;
  return peer === undefined ? `${formatNumber(value)} ${unit}` : `${formatNumber(value)}x`;
}

/** Lays columns side by side: the first to the left, as it has the names, the others to the right. */
function alignColumns(columns: readonly (readonly string[])[]): string {
  const padded = columns.map((cells, column) => {
    const width = Math.max(...cells.map((cell) => cell.length));
    return cells.map((cell) => (column === 0 ? cell.padEnd(width) : cell.padStart(width)));
  });
  return padded[0]!
    .map((_, line) => `  ${padded.map((cells) => cells[line]).join("  ")}`.trimEnd())
    .join("\n");
}
