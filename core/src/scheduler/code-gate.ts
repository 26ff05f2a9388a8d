import { Deque } from "../base/deque.ts";
import type { TaskRun } from "./task-run.ts";

export interface CodeGateOptions {
  /** The code of this run is there, and that of all that came before it. */
  readonly pass: (run: TaskRun) => void;
  /** There will be no code for this run. */
  readonly refuse: (run: TaskRun, error: Error) => void;
}

/**
 * Runs that could begin if their code were there. They leave in the order in which they came, whatever their functions
 * are: what was submitted first begins first, also at the start of a run, when the code of some is there before others'.
 */
export class CodeGate {
  readonly #options: CodeGateOptions;
  readonly #waiting = new Deque<TaskRun>();

  constructor(options: CodeGateOptions) {
    this.#options = options;
  }

  add(run: TaskRun): void {
    const { preparing } = run.fn;
    if (this.#waiting.size === 0 && preparing === undefined) {
      this.#options.pass(run);
      return;
    }
    // Why there will be no code is told at once, whoever else waits.
    preparing?.catch((error: Error) => {
      if (!run.isFinished) this.#options.refuse(run, error);
    });
    this.#waiting.push(run);
    if (this.#waiting.size === 1) this.#open();
  }

  /** Lets go of those whose code is there, up to the first whose code is not. */
  #open(): void {
    for (let run = this.#waiting.peek(); run !== undefined; run = this.#waiting.peek()) {
      const { preparing } = run.fn;
      if (preparing === undefined || run.isFinished) this.#letGo();
      else {
        const settled = (): void => {
          this.#letGo();
          this.#open();
        };
        preparing.then(settled, settled);
        return;
      }
    }
  }

  #letGo(): void {
    const run = this.#waiting.shift()!;
    if (!run.isFinished) this.#options.pass(run);
  }
}
