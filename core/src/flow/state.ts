import type { StateName } from "../contracts/event.ts";
import { isFinal } from "../scheduler/states.ts";
import type { TaskStates } from "./task-states.ts";

export type { StateName };

export interface StateFacts<T> {
  readonly message?: string | undefined;
  readonly result?: T | undefined;
  readonly error?: Error | undefined;
  readonly taskStates?: TaskStates | undefined;
}

/** Marks states of this and of any other copy of this module. */
const STATE = Symbol.for("muster.state/1");

/** The state of a flow run or of a task run. Never changes: a run goes from one state to another. */
export class State<T = unknown> {
  readonly name: StateName;
  /** One sentence for a person. */
  readonly message: string;
  /** What the flow returned, futures replaced by their values, with `Success`. */
  readonly result: T | undefined;
  /** Why it did not succeed. */
  readonly error: Error | undefined;
  /** Of a flow run that has ended: how its tasks ended. */
  readonly taskStates: TaskStates | undefined;

  constructor(name: StateName, facts: StateFacts<T> = {}) {
    this.name = name;
    this.message = facts.message ?? facts.error?.message ?? "";
    this.result = facts.result;
    this.error = facts.error;
    this.taskStates = facts.taskStates;
  }

  static {
    Object.defineProperty(State.prototype, STATE, { value: true });
  }

  isFinished(): boolean {
    return isFinal(this.name);
  }

  isSuccess(): boolean {
    return this.name === "Success";
  }

  /** The result, or the error thrown: for callers who would rather have an exception. */
  unwrap(): T {
    if (this.name === "Success") return this.result as T;
    throw this.error ?? new Error(`The run ended as ${this.name}: ${this.message}`);
  }

  toString(): string {
    return this.message === "" ? this.name : `${this.name}: ${this.message}`;
  }
}

export function isState(value: unknown): value is State {
  return typeof value === "object" && value !== null && STATE in value;
}
