import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Metrics, ScriptSystem, WorkloadName } from "../system.ts";

const IMAGE = "dask-distributed:2024.12";
const SCRIPT = "dask-peer.py";
/** The script stays where it was written: it is not compiled. */
const SCRIPT_DIRECTORY = new URL("../../src/systems", import.meta.url).pathname;
const PROBE_DEADLINE_MS = 10_000;
const CELL_DEADLINE_MS = 300_000;

const run = promisify(execFile);

/** dask.distributed's LocalCluster of two processes, in a container with the host's network. */
export const dask: ScriptSystem = {
  kind: "script",
  slow: true,
  storesResults: true,
  missing: async () => {
    try {
      await run("docker", ["image", "inspect", IMAGE], { timeout: PROBE_DEADLINE_MS });
      return undefined;
    } catch (error) {
      return `no Docker image ${IMAGE}: ${lastLine(error)}`;
    }
  },
  measure: async (workload: WorkloadName, size: number) => {
    const name = `muster-bench-dask-${process.pid}`;
    const container = [
      "--rm",
      "--init",
      "--name",
      name,
      "--network",
      "host",
      "-v",
      `${SCRIPT_DIRECTORY}:/b:ro`,
      IMAGE,
    ];
    try {
      const { stdout } = await run(
        "docker",
        ["run", ...container, "python3", `/b/${SCRIPT}`, workload, String(size)],
        {
          timeout: CELL_DEADLINE_MS,
        },
      );
      return JSON.parse(stdout) as Metrics;
    } catch (error) {
      await run("docker", ["rm", "--force", name]).catch(() => {}); // gone already, unless its deadline passed
      throw new Error(`dask: ${lastLine(error)}`, { cause: error });
    }
  },
};

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return (stderr?.trim() || message).split("\n").at(-1) as string;
}
