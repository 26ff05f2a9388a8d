import { enableCompileCache } from "node:module";
import { isMainThread } from "node:worker_threads";
import { LANE_PROGRAM } from "./worker/pool/lane-messages.ts";

// Before the rest is loaded, so that the threads of this worker find it compiled.
enableCompileCache();

/**
 * The one file that is the worker: run as a program it is `muster worker <address>`, a pool's worker or a lane of one;
 * loaded by that program's threads it runs tasks. Each of them loads its own part.
 */
async function main(): Promise<void> {
  if (isMainThread) {
    const args = process.argv.slice(2);
    if (args[0] === LANE_PROGRAM) {
      const { runLane } = await import("./worker/pool/lane-program.ts");
      runLane();
    } else if (args.includes("--pool")) {
      const { runPoolWorker } = await import("./worker/pool/run-pool-worker.ts");
      await runPoolWorker(args, process.env);
    } else {
      const { runWorker } = await import("./worker/run-worker.ts");
      await runWorker(args, process.env);
    }
    return;
  }
  const { provideUserApi } = await import("./flow/user-api.ts");
  const { runTaskThread } = await import("./thread/task-thread.ts");
  provideUserApi();
  runTaskThread();
}

void main();
