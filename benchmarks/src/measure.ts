import { type Cell, runCell } from "./run-cell.ts";
import type { Metrics, System, SystemName, WorkloadName } from "./system.ts";
import { workloads } from "./workloads/index.ts";

/** One number of the result: the median of its rounds. */
export interface Row {
  readonly workload: WorkloadName;
  readonly system: SystemName;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** How many rounds `value` is the median of. */
  readonly rounds: number;
}

export interface Plan {
  readonly workloads: readonly WorkloadName[];
  readonly systems: ReadonlyMap<SystemName, System>;
  readonly rounds: number;
  readonly quick: boolean;
}

export interface Observer {
  finished(cell: Cell, round: number, metrics: Metrics): void;
  /** The cell is left out of the rounds that follow. */
  failed(cell: Cell, round: number, error: Error): void;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Why `system` does not run `workload`; undefined if it does. */
function leftOutBecause(name: SystemName, system: System, workload: WorkloadName): string | undefined {
  if (workloads[workload].musterOnly && !name.startsWith("muster-")) return "asks what only Muster claims";
  if (workloads[workload].needsStorage && !system.storesResults) return "its results are its user's to keep";
  return system.leavesOut?.[workload];
}

export interface WorkloadPlan {
  readonly cells: readonly Cell[];
  /** Systems that do not run this workload, by the reason. */
  readonly leftOut: ReadonlyMap<string, readonly SystemName[]>;
}

export function planWorkload(plan: Plan, workloadName: WorkloadName): WorkloadPlan {
  const { size, quickSize, slowSize = size } = workloads[workloadName];
  const cells: Cell[] = [];
  const leftOut = new Map<string, SystemName[]>();
  for (const [systemName, system] of plan.systems) {
    const reason = leftOutBecause(systemName, system, workloadName);
    if (reason === undefined) {
      const cellSize = Math.min(system.slow ? slowSize : size, plan.quick ? quickSize : size);
      cells.push({ systemName, workloadName, size: cellSize });
    } else {
      leftOut.set(reason, [...(leftOut.get(reason) ?? []), systemName]);
    }
  }
  return { cells, leftOut };
}

/** All rounds of all workloads. Rounds alternate between the systems, so that what the machine does meanwhile hits all alike. */
export async function measure(plan: Plan, observer: Observer): Promise<Row[]> {
  const rows: Row[] = [];
  for (const workloadName of plan.workloads) {
    const seen = new Map<Cell, Metrics[]>(planWorkload(plan, workloadName).cells.map((cell) => [cell, []]));
    for (let round = 1; round <= plan.rounds; round++) {
      for (const [cell, results] of seen) {
        try {
          const metrics = await runCell(plan.systems.get(cell.systemName)!, cell);
          results.push(metrics);
          observer.finished(cell, round, metrics);
        } catch (error) {
          seen.delete(cell);
          observer.failed(cell, round, error as Error);
        }
      }
    }
    for (const [cell, results] of seen) rows.push(...rowsOf(cell, results));
  }
  return rows;
}

function rowsOf({ workloadName, systemName }: Cell, results: readonly Metrics[]): Row[] {
  return Object.entries(workloads[workloadName].metrics).map(([metric, { unit }]) => ({
    workload: workloadName,
    system: systemName,
    metric,
    value: median(results.map((metrics) => metrics[metric]!)),
    unit,
    rounds: results.length,
  }));
}
