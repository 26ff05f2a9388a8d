import type { Progress } from "../events/progress.ts";
import { formatCount, formatDuration, formatPlural } from "../printing/format.ts";

/** `12,345 tasks in 3.2 s (3,858/s) · cluster booted in 85 ms, gone in 12 ms`. */
export function formatSummary(progress: Progress, now: number): string {
  return [tasksText(progress, now), clusterText(progress)].filter((part) => part !== "").join(" · ");
}

function tasksText(progress: Progress, now: number): string {
  if (progress.finishedTasks === 0) return `no task finished in ${formatDuration(progress.elapsedMs(now))}`;
  const tasks = formatPlural(progress.finishedTasks, "task");
  return `${tasks} in ${formatDuration(progress.taskSpanMs)} (${formatCount(progress.tasksPerSecond)}/s)`;
}

function clusterText(progress: Progress): string {
  const { cluster } = progress;
  if (cluster === undefined) return "";
  const boot = bootText(cluster.bootMs, progress.finishedTasks > 0);
  return cluster.teardownMs === undefined ? boot : `${boot}, gone in ${formatDuration(cluster.teardownMs)}`;
}

/** A run may be done before the last of the workers is there. */
function bootText(bootMs: number | undefined, wasUsed: boolean): string {
  if (bootMs !== undefined) return `cluster booted in ${formatDuration(bootMs)}`;
  return wasUsed ? "cluster booted in part" : "cluster did not boot";
}
