import { enableCompileCache } from "node:module";
import { isMainThread } from "node:worker_threads";

// Before the rest is loaded, so that the threads of this worker find it compiled.
enableCompileCache();

/**
 * The one file that is the worker: run as a program it is `muster worker <address>`; loaded by that program's
 * threads it runs tasks. Each of the two loads its own half.
 */
if (isMainThread) {
  void import("./run-worker.ts").then(({ runWorker }) => runWorker(process.argv.slice(2), process.env));
} else {
  void import("./task-thread.ts").then(({ runTaskThread }) => runTaskThread());
}
