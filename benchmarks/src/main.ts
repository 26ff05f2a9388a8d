/** `npm run bench`: see USAGE in `args.ts`. The plan and the tables go to stdout, progress to stderr. */
import { writeFile } from "node:fs/promises";
import { type BenchOptions, parseBenchArgs, USAGE, UsageError } from "./args.ts";
import { describePlan } from "./describe-plan.ts";
import { measure, type Plan, planWorkload } from "./measure.ts";
import { formatMetrics, formatReport } from "./report.ts";
import type { System, SystemName } from "./system.ts";
import { findSystem } from "./systems/index.ts";

async function main(options: BenchOptions): Promise<void> {
  const { plan, missing } = await makePlan(options);
  console.log(describePlan(plan, missing));

  const cellCount =
    plan.rounds * plan.workloads.flatMap((workload) => planWorkload(plan, workload).cells).length;
  let cellsDone = 0;
  const failures: string[] = [];
  const rows = await measure(plan, {
    finished: ({ workloadName, systemName }, round, metrics) => {
      const where = `[${++cellsDone}/${cellCount}] ${workloadName} round ${round}/${plan.rounds} ${systemName}`;
      console.error(`${where}: ${formatMetrics(workloadName, metrics)}`);
    },
    failed: ({ workloadName, systemName }, round, error) => {
      cellsDone += plan.rounds - round + 1;
      failures.push(`${workloadName} on ${systemName} failed in round ${round}: ${error.message}`);
      console.error(failures.at(-1));
    },
  });

  console.log(`\n${formatReport(rows)}`);
  if (options.jsonFile !== undefined)
    await writeFile(options.jsonFile, `${JSON.stringify(rows, undefined, 2)}\n`);
  if (failures.length > 0) {
    console.error(`\n${failures.length} failed:\n${failures.join("\n")}`);
    process.exitCode = 1;
  }
}

async function makePlan(
  options: BenchOptions,
): Promise<{ plan: Plan; missing: ReadonlyMap<SystemName, string> }> {
  const systems = new Map<SystemName, System>();
  const missing = new Map<SystemName, string>();
  for (const name of options.systems) {
    const found = await findSystem(name);
    if ("missing" in found) missing.set(name, found.missing);
    else systems.set(name, found.system);
  }
  return {
    plan: { workloads: options.workloads, systems, rounds: options.rounds, quick: options.quick },
    missing,
  };
}

try {
  const options = parseBenchArgs(process.argv.slice(2));
  if (options === undefined) console.log(USAGE);
  else await main(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
