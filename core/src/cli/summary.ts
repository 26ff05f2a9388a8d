import type { Progress } from "../events/progress.ts";
import { formatCount, formatDuration, formatPlural } from "./format.ts";

/** `12,345 tasks in 3.2 s (3,858/s) · cluster booted in 85 ms, gone in 12 ms`. */
export function formatSummary(progress: Progress, now: number): string {
  return [tasksText(progress, now), clusterText(progress)].filter((part) => part !== "").join(" · ");
}

function tasksText(progress: Progress, now: number): string {
  if (progress.finishedTasks === 0) return `no task finished in ${formatDuration(progress.elapsedMs(now))}`;
  const tasks = formatPlural(progress.finishedTasks, "task");
  return `${tasks} in ${formatDuration(progress.taskSpanMs)} (${formatCount(progress.tasksPerSecond)}/s)`;
}

function clusterText({ cluster }: Progress): string {
  if (cluster === undefined) return "";
  const boot =
    cluster.bootMs === undefined
      ? "cluster did not boot"
      : `cluster booted in ${formatDuration(cluster.bootMs)}`;
  return cluster.teardownMs === undefined ? boot : `${boot}, gone in ${formatDuration(cluster.teardownMs)}`;
}
