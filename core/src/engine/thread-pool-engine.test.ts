import { systemClock } from "../base/clock.ts";
import { describeEngine } from "../testing/describe-engine.ts";
import { ThreadPoolEngine } from "./thread-pool-engine.ts";

describeEngine("a pool of threads", {
  workers: "threads",
  open: ({ run, workers, threadsPerWorker, tasksPerThread, resources, cancelGraceMs }) => ({
    engine: new ThreadPoolEngine({
      clock: systemClock,
      run,
      threads: workers * threadsPerWorker,
      tasksPerThread,
      cancelGraceMs,
      possibleResources: resources,
      sharesResources: true,
    }),
  }),
});
