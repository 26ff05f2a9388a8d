import { systemClock } from "../base/clock.ts";
import { describeEngine } from "../testing/describe-engine.ts";
import type { EngineOptions, OpenEngine } from "../testing/engine/engine-factory.ts";
import { ProcessPoolEngine } from "./process-pool-engine.ts";

function open(options: EngineOptions): OpenEngine {
  const { run, workers, threadsPerWorker, tasksPerThread, resources, cancelGraceMs, heartbeatMs } = options;
  const engine = new ProcessPoolEngine({
    clock: systemClock,
    run,
    processes: workers * threadsPerWorker,
    tasksPerThread,
    cancelGraceMs,
    heartbeatMs,
    workerTimeoutMs: options.workerTimeoutMs,
    possibleResources: resources,
    sharesResources: true,
  });
  return { engine, link: engine };
}

describeEngine("a pool of processes", {
  workers: "own",
  open,
  broken: {
    open,
    env: { NODE_OPTIONS: "--no-such-option" },
    says: /processes cannot start, 3 times in a row: .* 9\.(.|\n)*--no-such-option is not allowed in NODE_OPTIONS/,
  },
});
