import type { TaskRun } from "./task-run.ts";

/** Task runs in the order they were added, linked through themselves: to add and to remove one costs no memory. */
export class RunList {
  #first: TaskRun | undefined;
  #last: TaskRun | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(run: TaskRun): void {
    run.previous = this.#last;
    if (this.#last === undefined) this.#first = run;
    else this.#last.next = run;
    this.#last = run;
    this.#size++;
  }

  /** Removes a run that is in this list. */
  delete(run: TaskRun): void {
    const { previous, next } = run;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    run.previous = undefined;
    run.next = undefined;
    this.#size--;
  }

  /** The run that it is at may be removed meanwhile; no other. */
  *[Symbol.iterator](): IterableIterator<TaskRun> {
    let run = this.#first;
    while (run !== undefined) {
      const { next } = run;
      yield run;
      run = next;
    }
  }
}
