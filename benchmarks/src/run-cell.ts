import { fork } from "node:child_process";
import type { Metrics, System, SystemName, WorkloadName } from "./system.ts";

export interface Cell {
  readonly systemName: SystemName;
  readonly workloadName: WorkloadName;
  readonly size: number;
}

const DEADLINE_MS = 300_000;
const KEPT_STDERR_CHARS = 4_000;

/** Runs one system through one workload, once. @throws when it fails, is wrong or takes too long, with its last words. */
export function runCell(system: System, cell: Cell): Promise<Metrics> {
  if (system.kind === "script") return system.measure(cell.workloadName, cell.size);
  return new Promise((resolve, reject) => {
    const child = fork(
      new URL("./cell.js", import.meta.url),
      [cell.systemName, cell.workloadName, String(cell.size)],
      {
        stdio: ["ignore", "ignore", "pipe", "ipc"],
        timeout: DEADLINE_MS,
        killSignal: "SIGKILL",
      },
    );
    let stderr = "";
    let metrics: Metrics | undefined;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-KEPT_STDERR_CHARS);
    });
    child.on("message", (message) => {
      metrics = message as Metrics;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (metrics !== undefined) return resolve(metrics);
      const end =
        signal === "SIGKILL" ? `no result within ${DEADLINE_MS / 1000} s` : `exit code ${code ?? signal}`;
      reject(new Error(`${end}\n${stderr.trim()}`));
    });
  });
}
