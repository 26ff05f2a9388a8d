import type { Engine, EngineTask, Packed } from "../contracts/engine.ts";
import type { StateName } from "../contracts/event.ts";
import type { Holding } from "./holding.ts";
import type { RunFunction } from "./run-function.ts";
import { isFinal } from "./states.ts";

const NO_DEPENDENCIES: readonly Node[] = [];

/** Who is told, once, that a node has ended. */
export interface Dependent {
  dependencyEnded(node: Node): void;
}

/** The run of a flow or an executor that a node is of. */
export interface NodeOwner {
  /** The value of a node of this run, or its error thrown. The same object for everybody who asks. */
  result(node: Node): Promise<unknown>;
  /** The value of one that has succeeded, made anew. */
  unpack(node: Node): unknown;
  /** What keeps the values of its nodes; undefined where they are kept as they are. */
  readonly engine: Engine | undefined;
}

/** Something in the graph that will have a value: a task run, the list of a mapped task's runs, or one of another run. */
export abstract class Node {
  readonly owner: NodeOwner;
  /** Of the task that it is a run, or a list, of. */
  abstract readonly name: string;
  state: StateName = "Pending";
  /** What the engine keeps of the result, with `Success`. */
  value: unknown;
  /** Why there is none, with every other final state. */
  error: Error | undefined;
  /**
   * `true` once somebody awaits it or depends on it: how it ends is theirs to handle, and a failure that nobody
   * looked at fails the flow.
   */
  observed = false;
  /** Somebody waits for it alone: a task that takes it, or the flow. Whoever wants a whole list does not. */
  isWaitedFor = false;
  /** How many tasks, one behind another, led to it, itself included. */
  depth = 0;
  /** The value for those who await it, made when the first one does. */
  promise: Promise<unknown> | undefined;
  /** What is kept is for more than the tasks that take it: for the flow, for another run. */
  #isKept = false;
  /** The list that it is an element of, as long as somebody may ask for that. */
  #list: WeakRef<Node> | undefined;
  /** Tasks that take it and have not ended. */
  #takers = 0;
  /** Most nodes have one or none: no list is made for that. */
  #dependents: Dependent | Dependent[] | undefined;

  constructor(owner: NodeOwner) {
    this.owner = owner;
  }

  get isFinished(): boolean {
    return isFinal(this.state);
  }

  /** Somebody has a future of it. Gives what that one holds on to, if anything. */
  hold(): Holding | undefined {
    return undefined;
  }

  /** Whether somebody may still ask for its value. */
  protected get isHeld(): boolean {
    return true;
  }

  /** What it gives is needed for more than the tasks that take it. */
  keep(): void {
    this.#isKept = true;
  }

  /** What it gives is needed as long as this list is, which garbage collection tells. */
  keepFor(list: WeakRef<Node>): void {
    if (this.#list === undefined) this.#list = list;
    else this.keep();
  }

  /** A task takes it. */
  take(): void {
    this.#takers++;
  }

  /** A task that takes it has ended, for good. With the last one goes what nobody else can ask for. */
  leave(): void {
    this.#takers--;
    if (this.#takers > 0 || this.#isKept || typeof this.value !== "object" || this.isHeld) return;
    if (this.#list?.deref() !== undefined) return;
    this.owner.engine?.release(this.value);
  }

  /** Whoever depends on it for more than a list's sake has observed it. */
  addDependent(dependent: Dependent): void {
    if (this.#dependents === undefined) this.#dependents = dependent;
    else if (Array.isArray(this.#dependents)) this.#dependents.push(dependent);
    else this.#dependents = [this.#dependents, dependent];
  }

  /** Calls back when it has ended, however it did; at once if it has. */
  whenEnded(callback: () => void): void {
    this.observed = true;
    this.isWaitedFor = true;
    this.keep();
    if (this.isFinished) callback();
    else this.addDependent({ dependencyEnded: callback });
  }

  /** Tells all dependents of the end, and lets go of them. */
  tellDependents(): void {
    const dependents = this.#dependents;
    this.#dependents = undefined;
    if (dependents === undefined) return;
    if (Array.isArray(dependents)) for (const dependent of dependents) dependent.dependencyEnded(this);
    else dependents.dependencyEnded(this);
  }
}

/** What a task run tells its scheduler. */
export interface TaskRunOwner extends NodeOwner {
  /** All its dependencies have ended. */
  dependenciesEnded(run: TaskRun): void;
}

/** One call of a task. The engine sees it as an `EngineTask`. */
export class TaskRun extends Node implements EngineTask, Dependent {
  readonly id: number;
  rank: number;
  readonly fn: RunFunction;
  payload: unknown;
  dependencies: readonly Node[] = NO_DEPENDENCIES;
  attempt = 0;
  /** Whether the engine has this attempt, and will report its end. */
  inEngine = false;
  /** Whether a worker was lost where it was, and whether it is known that it had begun there. */
  lost: "never" | "before" | "perhaps" | "surely" = "never";
  /** Dependencies that have not ended. */
  waitingFor = 0;
  retriesLeft: number;
  lossesLeft: number;
  /** When it was seen to run, in the clock's milliseconds; undefined when it does not. */
  runningSince: number | undefined;
  /** Its neighbours among the runs that have not ended. */
  previous: TaskRun | undefined;
  next: TaskRun | undefined;
  declare readonly owner: TaskRunOwner;
  #holding: WeakRef<Holding> | undefined;

  /** @param depth of what it follows, apart from its dependencies */
  constructor(owner: TaskRunOwner, fn: RunFunction, { id, depth }: { id: number; depth: number }) {
    super(owner);
    this.id = id;
    this.rank = id;
    this.fn = fn;
    this.depth = depth + 1;
    this.retriesLeft = fn.policy.retries;
    this.lossesLeft = fn.policy.workerLostRetries;
  }

  get alone(): boolean {
    return this.lost !== "never";
  }

  get name(): string {
    return this.fn.name;
  }

  get priority(): number {
    return this.fn.policy.priority;
  }

  override hold(): Holding {
    // All its futures share one: it must not seem to be without any before the last has gone.
    const holding = this.#holding?.deref() ?? this.fn.holdings.next();
    this.#holding = holding.ref;
    return holding;
  }

  protected override get isHeld(): boolean {
    return this.#holding?.deref() !== undefined;
  }

  /** What it is to work on. */
  give({ payload, dependencies }: Packed<Node>): void {
    this.payload = payload;
    this.dependencies = dependencies;
    for (const dependency of dependencies) dependency.take();
  }

  /** It has ended, and needs nothing any more of what it was given, which may be large. */
  letGo(): void {
    for (const dependency of this.dependencies) dependency.leave();
    this.dependencies = NO_DEPENDENCIES;
    this.payload = undefined;
  }

  /** Waits for the dependencies that have not ended. `false` when there are none. */
  awaitDependencies(): boolean {
    for (const dependency of this.dependencies) {
      dependency.observed = true;
      if (dependency.isFinished) continue;
      this.waitingFor++;
      dependency.isWaitedFor = true;
      dependency.addDependent(this);
    }
    return this.waitingFor > 0;
  }

  dependencyEnded(): void {
    this.waitingFor--;
    if (this.waitingFor === 0 && !this.isFinished) this.owner.dependenciesEnded(this);
  }

  /** All dependencies have ended: how deep they are is known. */
  settleDepth(): void {
    for (const { depth } of this.dependencies) if (depth >= this.depth) this.depth = depth + 1;
  }
}

/** What a list tells whoever made it. */
export interface GatherSink {
  /** All its children have ended, or one has failed. */
  done(gather: GatherRun): void;
  /** Its children are known. */
  expanded(gather: GatherRun): void;
  /** Somebody waits for it. */
  wanted(gather: GatherRun): void;
}

/**
 * The list of what a mapped task gives, when how long it is was not known at once. Its children do not hold on to it: a
 * list that nobody waits for and nobody has a future of goes, and so does what they gave.
 */
export class GatherRun extends Node implements Dependent {
  readonly name: string;
  /** How long it is depends on another run. */
  waitsForOthers = false;
  /** Somebody has waited for it. */
  isWanted = false;
  /** One an element, once known. */
  children: readonly Node[] | undefined;
  readonly #onExpanded: ((children: readonly Node[] | undefined) => void)[] = [];
  readonly #sink: GatherSink;
  #waitingFor = 0;

  constructor(owner: NodeOwner, name: string, sink: GatherSink) {
    super(owner);
    this.name = name;
    this.#sink = sink;
  }

  /** The children once they are known; undefined when there will be none. */
  expanded(): Promise<readonly Node[] | undefined> {
    if (this.children !== undefined || this.isFinished) return Promise.resolve(this.children);
    return new Promise((resolve) => this.#onExpanded.push(resolve));
  }

  /** There will be no children. */
  neverExpands(): void {
    for (const callback of this.#onExpanded) callback(undefined);
  }

  expand(children: readonly Node[]): void {
    this.children = children;
    const self = new WeakRef(this);
    const link: Dependent = { dependencyEnded: (child) => self.deref()?.dependencyEnded(child) };
    for (const child of children) {
      child.keepFor(self);
      if (child.state === "Success") {
        this.#follow(child);
        continue;
      }
      this.#waitingFor++;
      if (child.isFinished) this.dependencyEnded(child);
      else child.addDependent(link);
    }
    for (const callback of this.#onExpanded) callback(children);
    this.#sink.expanded(this);
    if (this.#waitingFor === 0 && !this.isFinished) this.#sink.done(this);
  }

  override addDependent(dependent: Dependent): void {
    super.addDependent(dependent);
    this.isWanted = true;
    this.#sink.wanted(this);
  }

  #follow(child: Node): void {
    this.depth = Math.max(this.depth, child.depth);
  }

  /** The first that fails decides: there will be no list. */
  dependencyEnded(child: Node): void {
    this.#follow(child);
    this.#waitingFor--;
    if (this.isFinished) return;
    if (this.#waitingFor === 0 || child.state !== "Success") this.#sink.done(this);
  }
}
