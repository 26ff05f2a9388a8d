/**
 * One cell of the table, in a process of its own: `cell.js SYSTEM WORKLOAD SIZE`, started by `run-cell.ts`, which
 * gets the metrics as a message. A process each, because systems that share one also share its heap, its compiled
 * code and its leftovers, and the one that runs first would pay for the others, or the last for the first.
 */
import type { SystemName, WorkloadName } from "./system.ts";
import { findSystem } from "./systems/index.ts";
import { workloads } from "./workloads/index.ts";

process.on("disconnect", () => process.exit(1)); // whoever wanted the metrics is gone

const [systemName, workloadName, size] = process.argv.slice(2) as [SystemName, WorkloadName, string];
const found = await findSystem(systemName);
if ("missing" in found) throw new Error(found.missing);
const { system } = found;
if (system.kind === "script") throw new Error(`${systemName} runs by its own script`);
const metrics = await workloads[workloadName].measure(system, Number(size));
process.send?.(metrics, () => process.exit());
