import type { StateName } from "../contracts/event.ts";
import type { EventLog } from "../events/event-log.ts";
import { isFinal } from "../scheduler/states.ts";
import { State } from "./state.ts";

/** A task run that did not succeed. */
export interface FailedTask {
  /** Its number in the run, from 1. */
  readonly id: number;
  readonly name: string;
  readonly state: State;
}

/**
 * How the tasks of a run ended: numbers for all of them, and the states of those that did not succeed. The results of
 * a million tasks are not kept for the sake of a list.
 */
export class TaskStates {
  readonly #counts = new Map<string, Map<StateName, number>>();
  readonly #ended = new Map<StateName, number>();
  readonly failed: readonly FailedTask[];

  constructor(counts: ReadonlyMap<string, ReadonlyMap<StateName, number>>, failed: readonly FailedTask[]) {
    for (const [name, states] of counts) this.#counts.set(name, new Map(states));
    for (const states of counts.values()) {
      for (const [state, count] of states) this.#ended.set(state, (this.#ended.get(state) ?? 0) + count);
    }
    this.failed = failed;
  }

  /** How many tasks ended in this state; of one name, if one is given. */
  count(state: StateName, name?: string): number {
    return (name === undefined ? this.#ended : this.#counts.get(name))?.get(state) ?? 0;
  }

  /** How many tasks ended. */
  get total(): number {
    return [...this.#ended.values()].reduce((sum, count) => sum + count, 0);
  }

  /** The names of the tasks that ended. */
  get names(): readonly string[] {
    return [...this.#counts.keys()];
  }
}

/** Counts ends of tasks by name and state. */
export class TaskStateCounter {
  readonly #counts = new Map<string, Map<StateName, number>>();
  readonly #unsubscribe: () => void;

  constructor(events: EventLog) {
    this.#unsubscribe = events.subscribe((event) => {
      if (event.type !== "task" || !isFinal(event.state)) return;
      let states = this.#counts.get(event.name);
      if (states === undefined) {
        states = new Map();
        this.#counts.set(event.name, states);
      }
      states.set(event.state, (states.get(event.state) ?? 0) + 1);
    });
  }

  finish(failed: readonly FailedTask[]): TaskStates {
    this.#unsubscribe();
    return new TaskStates(this.#counts, failed);
  }
}

export function failedTask(run: {
  id: number;
  fn: { name: string };
  state: StateName;
  error: Error | undefined;
}): FailedTask {
  return { id: run.id, name: run.fn.name, state: new State(run.state, { error: run.error }) };
}
