import type { EngineTask } from "../engine/engine.ts";
import type { StateName } from "../events/event.ts";
import type { RunFunction } from "./run-function.ts";
import { isFinal } from "./states.ts";

/** Something in the graph that will have a value: a task run, or the list of a mapped task's runs. */
export abstract class Node {
  state: StateName = "Pending";
  /** What the engine keeps of the result, with `Success`. */
  value: unknown;
  /** Why there is none, with every other final state. */
  error: Error | undefined;
  /** Who waits for the value. Dropped when it is there. */
  dependents: (TaskRun | GatherRun)[] | undefined;
  /** `true` once the flow looked at how it ended: a failure that was seen is the flow's to handle. */
  observed = false;
  /** The value for those who await it, made when the first one does. */
  promise: Promise<unknown> | undefined;

  get isFinished(): boolean {
    return isFinal(this.state);
  }
}

/** One call of a task. The engine sees it as an `EngineTask`. */
export class TaskRun extends Node implements EngineTask {
  readonly id: number;
  readonly fn: RunFunction;
  readonly priority: number;
  payload: unknown;
  dependencies: readonly Node[];
  attempt = 0;
  /** Whether the engine has this attempt, and will report its end. */
  inEngine = false;
  alone = false;
  /** Dependencies that have not ended. */
  waitingFor = 0;
  retriesLeft: number;
  lossesLeft: number;
  /** When it was seen to run, in the clock's milliseconds; 0 when it does not. */
  runningSince = 0;

  constructor(id: number, fn: RunFunction, packed: { payload: unknown; dependencies: readonly Node[] }) {
    super();
    this.id = id;
    this.fn = fn;
    this.priority = fn.policy.priority;
    this.payload = packed.payload;
    this.dependencies = packed.dependencies;
    this.retriesLeft = fn.policy.retries;
    this.lossesLeft = fn.policy.workerLostRetries;
  }
}

/** The list of what a mapped task gives, when how long it is was not known at once. */
export class GatherRun extends Node {
  readonly name: string;
  /** One an element, once known. */
  children: readonly Node[] | undefined;
  readonly #onExpanded: ((children: readonly Node[]) => void)[] = [];
  readonly #onDone: (run: GatherRun) => void;
  #waitingFor = 0;

  constructor(name: string, onDone: (run: GatherRun) => void) {
    super();
    this.name = name;
    this.#onDone = onDone;
  }

  /** Calls back with the children, now or when they are known; never when there will be none. */
  whenExpanded(callback: (children: readonly Node[]) => void): void {
    if (this.children === undefined) this.#onExpanded.push(callback);
    else callback(this.children);
  }

  expand(children: readonly Node[]): void {
    this.children = children;
    for (const child of children) {
      if (child.isFinished) continue;
      this.#waitingFor++;
      child.dependents ??= [];
      child.dependents.push(this);
    }
    for (const callback of this.#onExpanded) callback(children);
    if (this.#waitingFor === 0) this.#onDone(this);
  }

  dependencyEnded(): void {
    this.#waitingFor--;
    if (this.#waitingFor === 0) this.#onDone(this);
  }
}
