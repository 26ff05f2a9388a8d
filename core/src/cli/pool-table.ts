import { formatDuration, formatPlural } from "../printing/format.ts";
import { cutText, printable, textWidth } from "../printing/text-width.ts";
import type { PoolWorker } from "../wire/nats/pool/pool-messages.ts";
import type { PoolStatus } from "../wire/nats/pool/pool-status.ts";
import { describeClass } from "../wire/nats/pool/resource-class.ts";

/**
 * A pool for a person: its workers, whom their lanes work for, and the runs.
 * @param now in milliseconds since 1970
 * @param columns no line is wider
 */
export function poolTable(
  { pool, workers, runs, demand }: PoolStatus,
  { now, columns = Number.POSITIVE_INFINITY }: { readonly now: number; readonly columns?: number },
): string[] {
  const lanes = workers.flatMap((worker) => worker.lanes);
  const busy = lanes.filter(({ runId }) => runId !== undefined).length;
  const wanted = demand.reduce((sum, { lag }) => sum + lag, 0);
  const head = `Pool ${pool}: ${formatPlural(workers.length, "worker")}, ${busy} of ${formatPlural(lanes.length, "lane")} busy, ${wanted} wanted`;
  const lines = [head];
  if (workers.length > 0) {
    const rows = workers.map((worker) => [worker.id, ...describeWorker(worker, now)]);
    lines.push("", ...table([["WORKER", "HOST", "PID", "LANES", "RESOURCES", "WORKS FOR"], ...rows]));
  }
  if (runs.length > 0) {
    const rows = runs.map((run) => [
      run.runId,
      run.flowName,
      describeClass(run.class),
      String(run.lanes),
      String(Math.max(0, run.needs - run.lanes)),
      run.host === undefined ? "?" : `${run.host} ${run.pid}`,
    ]);
    lines.push("", ...table([["RUN", "FLOW", "CLASS", "LANES", "WAITS FOR", "DRIVER"], ...rows]));
  }
  return lines.map((line) => cutText(line, columns));
}

function describeWorker({ host, pid, lanes, resources, isLeaving }: PoolWorker, now: number): string[] {
  const busy = lanes.filter(({ runId }) => runId !== undefined);
  const flows = new Map<string, { count: number; since: number }>();
  for (const { flowName = "", since = now } of busy) {
    const { count, since: first } = flows.get(flowName) ?? { count: 0, since };
    flows.set(flowName, { count: count + 1, since: Math.min(first, since) });
  }
  const uses = [...flows].map(
    ([name, { count, since }]) => `${name} ×${count} (${formatDuration(Math.max(0, now - since))})`,
  );
  const what = Object.entries(resources).map(([name, amount]) => `${name}: ${amount}`);
  return [
    host,
    String(pid),
    `${busy.length}/${lanes.length}`,
    what.join(", ") || "-",
    `${isLeaving ? "leaving; " : ""}${uses.join(", ") || "-"}`,
  ];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const clean = rows.map((row) => row.map(printable));
  const widths = clean[0]!.map((_, column) => Math.max(...clean.map((row) => textWidth(row[column]!))));
  return clean.map((row) =>
    row
      .map((text, column) => text + " ".repeat(widths[column]! - textWidth(text)))
      .join("  ")
      .trimEnd(),
  );
}
