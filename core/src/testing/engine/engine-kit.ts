import { afterAll, afterEach, beforeAll, expect, onTestFinished } from "vitest";
import type { EngineFactory } from "./engine-factory.ts";
import { EngineRun, type Shape } from "./engine-run.ts";

/** What each group of tests gets: engines of the kind under test, which leave nothing. */
export class EngineKit {
  readonly factory: EngineFactory;

  constructor(factory: EngineFactory) {
    this.factory = factory;
  }

  /** Whether its workers are processes, which can be ended one by one. */
  get hasProcesses(): boolean {
    return this.factory.workers !== "threads";
  }

  /** Whether somebody else starts its workers. */
  get takesWorkers(): boolean {
    return this.factory.workers === "added";
  }

  /** An engine for one test alone. */
  async begin(shape: Shape = {}): Promise<EngineRun> {
    const run = await EngineRun.start(this.factory, shape);
    onTestFinished(async () => {
      run.files.openAll();
      await using ended = run;
      expect(await ended.end()).toEqual([]);
    });
    return run;
  }

  /** One for all tests of a `describe`, for what leaves it as it was. */
  shared(shape: Shape = {}): () => EngineRun {
    let run: EngineRun | undefined;
    beforeAll(async () => {
      run = await EngineRun.start(this.factory, shape);
    });
    afterEach(() => {
      run?.files.openAll();
      expect(run?.recorder.faults).toEqual([]);
    });
    afterAll(async () => {
      await using ended = run;
      expect(await ended?.end()).toEqual([]);
    });
    return () => run!;
  }
}
