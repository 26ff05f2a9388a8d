import { spawn } from "node:child_process";
import { type Executor, MusterError } from "@muster/core";
import type { Boots } from "../system.ts";

/** What a cluster's boot costs, beside that of a bare command. */
export function clusterBoots(executor: (workers: number) => Executor, bareCommand: readonly string[]): Boots {
  return {
    async workers(count) {
      const start = performance.now();
      await using running = await executor(count).start();
      if (running.cluster === undefined) throw new MusterError("INTERNAL", "The executor has no cluster.");
      await running.cluster.waitForWorkers(count);
      return performance.now() - start;
    },
    async bare(count) {
      const start = performance.now();
      await Promise.all(Array.from({ length: count }, () => ended(bareCommand)));
      return performance.now() - start;
    },
  };
}

function ended([program, ...args]: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program!, args, { stdio: "ignore" });
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`${program} ${args.join(" ")} ended with code ${code}`)),
    );
  });
}
