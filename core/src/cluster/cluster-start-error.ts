import { brand, MusterError } from "../base/errors.ts";
import type { WorkerId } from "../contracts/provider.ts";
import type { WorkerDeath } from "../contracts/worker-link.ts";
import type { NoWorkersCause, WorkerFailure } from "./cluster-session.ts";
import type { ReconcilePolicy } from "./reconciler.ts";

/** A cluster that has no workers and gets none. */
export class ClusterStartError extends MusterError {
  readonly cluster: string;
  /** The worker whose failure was the last, if one failed. */
  readonly worker: WorkerId | undefined;
  /** How that worker ended. */
  readonly death: WorkerDeath | undefined;

  constructor(
    message: string,
    facts: { cluster: string; worker?: WorkerId; death?: WorkerDeath },
    options?: ErrorOptions,
  ) {
    super("CLUSTER_START", message, options);
    this.cluster = facts.cluster;
    this.worker = facts.worker;
    this.death = facts.death;
  }

  static {
    brand(ClusterStartError, "ClusterStartError");
  }
}

/** A death for people: its reason, and the last lines that the worker printed. */
export function describeDeath(worker: WorkerId, death: WorkerDeath): string {
  const lines =
    death.lastLines.length === 0 ? "It printed nothing." : `Its last lines:\n${indented(death.lastLines)}`;
  return `Worker ${worker}: ${death.reason}. ${lines}`;
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `  | ${line}`).join("\n");
}

/** Why a cluster has no workers: what it tried, and how the last one failed. */
export function whyNoWorkers(
  why: NoWorkersCause,
  last: WorkerFailure | undefined,
  cluster: Pick<ReconcilePolicy, "startTimeoutMs" | "maxBootFailures"> & { readonly name: string },
): string {
  const failure = last === undefined ? "" : ` ${describeDeath(last.worker, last.death)}`;
  const what = `The cluster "${cluster.name}"`;
  switch (why) {
    case "permanent":
      return `${what} has no workers, and trying again cannot help.${failure}`;
    case "boot-failures":
      return `${what} has no workers: ${cluster.maxBootFailures} times in a row they failed to start.${failure}`;
    case "start-timeout":
      return `${what} had no worker ready within ${cluster.startTimeoutMs} ms (startTimeoutMs).${failure}`;
    case "blind":
      return `${what} lost sight of its workers: its provider stopped telling what becomes of them.${failure}`;
  }
}
