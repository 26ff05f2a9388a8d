import type { EngineTask, FutureLookup, TaskFunction } from "../../contracts/engine.ts";

/** What tells a task from others of its kind. */
export type Standing = Partial<Pick<EngineTask, "priority" | "depth" | "rank" | "alone" | "isWaitedFor">>;

/** A task as the scheduler has it: what changes of it from one attempt to the next, changes in place. */
export class KitTask implements EngineTask {
  readonly id: number;
  readonly fn: TaskFunction;
  readonly payload: unknown;
  readonly dependencies: readonly { readonly value: unknown }[];
  attempt = 1;
  priority = 0;
  depth = 1;
  rank: number;
  alone = false;
  isWaitedFor = false;
  /** What the engine keeps of its result, once there is one. */
  value: unknown;

  constructor(facts: Pick<EngineTask, "id" | "fn" | "payload" | "dependencies">, standing: Standing = {}) {
    this.id = facts.id;
    this.fn = facts.fn;
    this.payload = facts.payload;
    this.dependencies = facts.dependencies;
    this.rank = facts.id;
    Object.assign(this, standing);
  }
}

/** What an argument refers to: a task, or what stands for any value that the engine keeps. */
export type Dependency = { readonly value: unknown };

/** A value that is kept, as an argument. */
export class KeptArgument implements Dependency {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** Stands for an array of the values of all these. */
export class ListOf {
  readonly elements: readonly Dependency[];

  constructor(elements: readonly Dependency[]) {
    this.elements = elements;
  }
}

export const lookup: FutureLookup<Dependency> = (value) => {
  if (value instanceof KitTask || value instanceof KeptArgument) return value;
  return value instanceof ListOf ? value.elements : undefined;
};
