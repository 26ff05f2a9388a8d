import { availableParallelism } from "node:os";
import { checkNumber, checkOptionNames, type OptionNames } from "../base/check-options.ts";
import { InvalidOptionError } from "../base/errors.ts";
import { ProcessPoolEngine } from "../engine/process-pool-engine.ts";
import { ThreadPoolEngine } from "../engine/thread-pool-engine.ts";
import { compose, type Foundation } from "./composition.ts";
import type { Executor, RunFacts } from "./executor.ts";
import { LocalExecutor } from "./local-executor.ts";
import { runMessage } from "./run-scope.ts";
import type { RunningExecutor } from "./running-executor.ts";

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

const NAMES: OptionNames<LocalPoolOptions> = {
  scheduler: true,
  numWorkers: true,
  tasksPerThread: true,
  cancelGraceMs: true,
};

/**
 * Runs tasks in a pool on this machine, without any network. Threads are of this very process, so what only the end of a
 * process can end stays: a call of native code that does not return (its task ends all the same, and another thread takes
 * the place), and, except on Linux, the programs that tasks started. Processes are ended with all that they started.
 */
export class LocalPoolExecutor implements Executor {
  readonly name = "LocalPoolExecutor";
  readonly options: Required<LocalPoolOptions>;

  /** @throws InvalidOptionError */
  constructor(options: LocalPoolOptions = {}) {
    checkOptionNames(options, NAMES, { where: "LocalPoolExecutor" });
    const { scheduler = "threads" } = options;
    if (!SCHEDULERS.includes(scheduler)) {
      throw new InvalidOptionError(
        "scheduler",
        `LocalPoolExecutor: scheduler is "${scheduler}", and should be one of ${SCHEDULERS.join(", ")}.`,
      );
    }
    const count = (option: "numWorkers" | "tasksPerThread", fallback: number): number =>
      checkNumber(options[option], fallback, { option, min: 1, whole: true });
    const numWorkers = count("numWorkers", availableParallelism());
    const tasksPerThread = count("tasksPerThread", 1);
    const cancelGraceMs = checkNumber(options.cancelGraceMs, 5000, { option: "cancelGraceMs", min: 0 });
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
