import { availableParallelism } from "node:os";
import { InvalidOptionError } from "../base/errors.ts";
import { ProcessPoolEngine } from "../engine/process-pool-engine.ts";
import { ThreadPoolEngine } from "../engine/thread-pool-engine.ts";
import { compose, type Foundation } from "./composition.ts";
import type { Executor, RunFacts } from "./executor.ts";
import { LocalExecutor } from "./local-executor.ts";
import { runMessage } from "./run-scope.ts";
import type { RunningExecutor } from "./running-executor.ts";

const OPTIONS = ["scheduler", "numWorkers", "tasksPerThread", "cancelGraceMs"];
const SCHEDULERS = ["threads", "processes", "synchronous"] as const;

export interface LocalPoolOptions {
  /**
   * What runs the tasks: threads of this process; child processes, which a crash does not take along; or this very
   * thread, one task after another. @default "threads"
   */
  scheduler?: (typeof SCHEDULERS)[number];
  /** Threads or processes. @default one a core */
  numWorkers?: number;
  /** Tasks that one of them runs at once; more than 1 is for tasks that mostly wait. @default 1 */
  tasksPerThread?: number;
  /** A cancelled task may take so long to clean up before its thread is ended, in milliseconds. @default 5000 */
  cancelGraceMs?: number;
}

/** Runs tasks in a pool on this machine, without any network. */
export class LocalPoolExecutor implements Executor {
  readonly name = "LocalPoolExecutor";
  readonly options: Required<LocalPoolOptions>;

  /** @throws InvalidOptionError */
  constructor(options: LocalPoolOptions = {}) {
    const {
      scheduler = "threads",
      numWorkers = availableParallelism(),
      tasksPerThread = 1,
      cancelGraceMs = 5000,
    } = options;
    const unknown = Object.keys(options).find((option) => !OPTIONS.includes(option));
    if (unknown !== undefined) {
      const message = `LocalPoolExecutor has no option "${unknown}". Its options are ${OPTIONS.join(", ")}.`;
      throw new InvalidOptionError(unknown, message);
    }
    if (!(cancelGraceMs >= 0)) {
      const message = `LocalPoolExecutor: cancelGraceMs is ${cancelGraceMs}, and should be milliseconds from 0 on.`;
      throw new InvalidOptionError("cancelGraceMs", message);
    }
    if (!SCHEDULERS.includes(scheduler)) {
      throw new InvalidOptionError(
        "scheduler",
        `LocalPoolExecutor: scheduler is "${scheduler}", and should be one of ${SCHEDULERS.join(", ")}.`,
      );
    }
    for (const [option, value] of Object.entries({ numWorkers, tasksPerThread })) {
      if (Number.isInteger(value) && value >= 1) continue;
      throw new InvalidOptionError(
        option,
        `LocalPoolExecutor: ${option} is ${value}, and should be a whole number from 1 on.`,
      );
    }
    this.options = { scheduler, numWorkers, tasksPerThread, cancelGraceMs };
  }

  async start(run: RunFacts = {}): Promise<RunningExecutor> {
    const { scheduler: kind, cancelGraceMs } = this.options;
    if (kind === "synchronous") return new LocalExecutor().start(run);
    const { engine, scheduler, executor } = compose({
      run,
      cancelGraceMs,
      engine: (parts) => this.#engine(run, parts),
    });
    try {
      await engine.start(scheduler.listener);
    } catch (error) {
      await executor.close();
      throw error;
    }
    return executor;
  }

  #engine(run: RunFacts, { clock, ids }: Foundation): ThreadPoolEngine | ProcessPoolEngine {
    const { scheduler, numWorkers, tasksPerThread, cancelGraceMs } = this.options;
    const common = { clock, run: runMessage(run, ids), tasksPerThread, cancelGraceMs, possibleResources: {} };
    return scheduler === "threads"
      ? new ThreadPoolEngine({ ...common, threads: numWorkers })
      : new ProcessPoolEngine({ ...common, processes: numWorkers });
  }
}
