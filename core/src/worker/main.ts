import { enableCompileCache } from "node:module";
import { isMainThread } from "node:worker_threads";

// Before the rest is loaded, so that the threads of this worker find it compiled.
enableCompileCache();

/**
 * The one file that is the worker: run as a program it is `muster worker <address>`; loaded by that program's
 * threads it runs tasks.
 */
if (isMainThread) {
  const { runWorker } = await import("./run-worker.ts");
  runWorker(process.argv.slice(2), process.env);
} else {
  const { runTaskThread } = await import("./task-thread.ts");
  runTaskThread();
}
