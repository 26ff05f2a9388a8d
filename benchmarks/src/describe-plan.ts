import { availableParallelism, cpus } from "node:os";
import { type Plan, planWorkload } from "./measure.ts";
import { type SystemName, WORKERS, type WorkloadName } from "./system.ts";
import { workloads } from "./workloads/index.ts";

/** What a reader must know beside the numbers: the machine, what runs, what is missing and what is left out. */
export function describePlan(plan: Plan, missing: ReadonlyMap<SystemName, string>): string {
  const machine = `${availableParallelism()} x ${cpus()[0]?.model ?? "unknown processor"}, Node ${process.version}`;
  const rounds = plan.rounds === 1 ? "one round" : `medians of ${plan.rounds} rounds`;
  const quick = plan.quick ? "; quick sizes, not to be quoted" : "";
  return [
    `${machine}; ${WORKERS} workers a system; ${rounds}${quick}`,
    ...plan.workloads.flatMap((workload) => describeSizes(plan, workload)),
    ...[...missing].map(([name, reason]) => `missing: ${name}: ${reason}`),
    ...plan.workloads.flatMap((workload) => describeLeftOut(plan, workload)),
  ].join("\n");
}

/** `noop (100,000; dask 5,000): map of …`, because slow systems do less of the same. */
function describeSizes(plan: Plan, workloadName: WorkloadName): string[] {
  const { cells } = planWorkload(plan, workloadName);
  if (cells.length === 0) return [];
  const largest = Math.max(...cells.map(({ size }) => size));
  const smaller = cells
    .filter(({ size }) => size < largest)
    .map(({ systemName, size }) => `; ${systemName} ${size.toLocaleString("en-US")}`);
  const sizes = `${largest.toLocaleString("en-US")}${smaller.join("")}`;
  return [`${workloadName} (${sizes}): ${workloads[workloadName].title}`];
}

function describeLeftOut(plan: Plan, workloadName: WorkloadName): string[] {
  const { leftOut } = planWorkload(plan, workloadName);
  return [...leftOut].map(([reason, names]) => `left out: ${workloadName} on ${names.join(", ")}: ${reason}`);
}
