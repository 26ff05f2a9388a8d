import type { Row } from "./measure.ts";
import type { SystemName, WorkloadName } from "./system.ts";

/** A ratio that Muster must reach on one machine: `system`'s number over `peer`'s, or the number itself if it is a ratio. */
export interface Goal {
  readonly workload: WorkloadName;
  readonly metric: string;
  readonly system: SystemName;
  readonly peer?: SystemName;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export const goals: readonly Goal[] = [
  { workload: "noop", metric: "throughput", system: "muster-local", peer: "dask", atLeast: 200 },
  { workload: "noop", metric: "throughput", system: "muster-local", peer: "piscina", atLeast: 3 },
  { workload: "noop", metric: "throughput", system: "muster-threads", peer: "piscina", atLeast: 2 },
  {
    workload: "noop",
    metric: "throughput",
    system: "muster-processes",
    peer: "workerpool-processes",
    atLeast: 2,
  },
  { workload: "latency", metric: "p50", system: "muster-local", peer: "piscina", atMost: 2.5 },
  { workload: "chain", metric: "throughput", system: "muster-local", peer: "dask", atLeast: 40 },
  { workload: "stencil", metric: "2000us", system: "muster-local", atLeast: 0.85 },
  { workload: "stencil", metric: "1000us", system: "muster-local", atLeast: 0.85 },
  { workload: "stencil", metric: "250us", system: "muster-local", atLeast: 0.75 },
  { workload: "stencil", metric: "half-at", system: "muster-local", atMost: 60 },
  { workload: "deep", metric: "peak", system: "muster-local", atMost: 100 },
  { workload: "boot", metric: "first-result", system: "muster-local", peer: "dask", atMost: 0.35 },
  { workload: "boot-four", metric: "ratio", system: "muster-docker", atMost: 1.4 },
  { workload: "noop", metric: "throughput", system: "muster-docker", peer: "muster-local", atLeast: 0.7 },
  { workload: "noop", metric: "throughput", system: "muster-nats", peer: "bullmq", atLeast: 4 },
  { workload: "noop", metric: "throughput", system: "muster-nats", atLeast: 50_000 },
  { workload: "latency", metric: "p50", system: "muster-nats", peer: "bullmq", atMost: 0.5 },
  { workload: "values-1mib", metric: "throughput", system: "muster-nats", atLeast: 100 },
  { workload: "value-64mib", metric: "time", system: "muster-local", peer: "dask", atMost: 0.5 },
  { workload: "cpu", metric: "ratio", system: "muster-local", atMost: 1.15 },
  { workload: "waiting-1m", metric: "ratio", system: "muster-local", atLeast: 0.8 },
];

export interface GoalResult {
  readonly goal: Goal;
  /** Undefined when one of its numbers was not measured in this run. */
  readonly ratio: number | undefined;
  readonly reached: boolean;
}

export function judgeGoals(rows: readonly Row[]): GoalResult[] {
  const measured = ({ workload, metric }: Goal, name: SystemName) =>
    rows.find((row) => row.workload === workload && row.metric === metric && row.system === name)?.value;
  return goals.map((goal) => {
    const own = measured(goal, goal.system);
    const other = goal.peer === undefined ? 1 : measured(goal, goal.peer);
    if (own === undefined || other === undefined) return { goal, ratio: undefined, reached: false };
    const ratio = own / other;
    return {
      goal,
      ratio,
      reached: ratio >= (goal.atLeast ?? 0) && ratio <= (goal.atMost ?? Number.POSITIVE_INFINITY),
    };
  });
}
