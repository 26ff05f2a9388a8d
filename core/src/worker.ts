import { enableCompileCache } from "node:module";
import { isMainThread } from "node:worker_threads";

// Before the rest is loaded, so that the threads of this worker find it compiled.
enableCompileCache();

/**
 * The one file that is the worker: run as a program it is `muster worker <address>`; loaded by that program's
 * threads it runs tasks. Each of the two loads its own half.
 */
async function main(): Promise<void> {
  if (isMainThread) {
    const { runWorker } = await import("./worker/run-worker.ts");
    runWorker(process.argv.slice(2), process.env);
    return;
  }
  const { provideUserApi } = await import("./flow/user-api.ts");
  const { runTaskThread } = await import("./thread/task-thread.ts");
  provideUserApi();
  runTaskThread();
}

void main();
