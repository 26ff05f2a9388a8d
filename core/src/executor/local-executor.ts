import { checkOptionNames } from "../base/check-options.ts";
import { InlineEngine } from "../engine/inline-engine.ts";
import { compose } from "./composition.ts";
import type { Executor, RunFacts } from "./executor.ts";
import { runScope } from "./run-scope.ts";
import type { RunningExecutor } from "./running-executor.ts";

/** Runs each task in this thread, one after another: what was begun before what is new. The default; good for debugging. */
export class LocalExecutor implements Executor {
  readonly name = "LocalExecutor";

  /** @throws InvalidOptionError for any option: there are none */
  constructor(options: Readonly<Record<string, never>> = {}) {
    checkOptionNames(options, [], { where: "LocalExecutor" });
  }

  async start(run: RunFacts = {}): Promise<RunningExecutor> {
    const { engine, scheduler, executor } = compose({
      run,
      cancelGraceMs: 0,
      engine: ({ clock, ids }) => new InlineEngine({ clock, scope: runScope(run, ids) }),
    });
    await engine.start(scheduler.listener);
    return executor;
  }
}
