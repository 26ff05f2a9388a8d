import { MusterError } from "../base/errors.ts";
import { FUTURE, FUTURES, type FutureFacts, foreignNode } from "./foreign-future.ts";
import type { Holding } from "./holding.ts";
import type { Scheduler } from "./scheduler.ts";
import { type GatherRun, Node } from "./task-run.ts";

/**
 * The result of a task that was submitted: `await` gives its value or throws its error, and other tasks take it as an
 * argument, alone or nested anywhere in arrays, objects, Maps and Sets, without anybody waiting.
 */
export class TaskFuture<T> implements PromiseLike<T> {
  readonly #node: Node;
  readonly #scheduler: Scheduler;
  /** Says, as long as it lives, that somebody may still ask for the value. */
  protected readonly holding: Holding | undefined;

  /** @internal */
  constructor(scheduler: Scheduler, node: Node) {
    this.#scheduler = scheduler;
    this.#node = node;
    this.holding = node.hold();
  }

  // biome-ignore lint/suspicious/noThenProperty: a future is there to be awaited
  then<A = T, B = never>(
    onValue?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return (this.#scheduler.result(this.#node) as Promise<T>).then(onValue, onError);
  }

  /** In `future + 1` and in a text it would be something that nobody meant. */
  [Symbol.toPrimitive](): never {
    throw new MusterError(
      "INVALID_OPTION",
      `A future of the task "${this.#node.name}" was used as if it were its value. Await it, or give it to a task.`,
    );
  }

  get [Symbol.toStringTag](): string {
    return "TaskFuture";
  }

  /** @internal */
  get [FUTURE](): FutureFacts {
    return { name: this.#node.name };
  }

  /** @internal */
  static nodeOf(future: TaskFuture<unknown>): Node {
    return future.#node;
  }

  /** @internal */
  static schedulerOf(future: TaskFuture<unknown>): Scheduler {
    return future.#scheduler;
  }
}

/**
 * The results of a mapped task whose number of elements is known only later: a future of all of them, and, as they
 * become known, a future of each.
 */
export class MappedFuture<T> extends TaskFuture<T[]> {
  /** A future an element, once it is known how many there are. */
  async elements(): Promise<TaskFuture<T>[]> {
    const gather = TaskFuture.nodeOf(this) as GatherRun;
    const scheduler = TaskFuture.schedulerOf(this);
    const children = await gather.expanded();
    if (children === undefined) {
      await scheduler.result(gather);
      throw gather.error;
    }
    return children.map((child) => new TaskFuture<T>(scheduler, child));
  }
}

/**
 * The futures of a mapped task, one an element: an array like any other, which can also be awaited as a whole.
 *
 * To TypeScript it is all that a read-only array is but for one method that nobody misses: it takes `Promise.all` of an
 * array with more methods for that of a tuple, and gives a type that means nothing.
 */
export type FutureArray<T> = Omit<readonly TaskFuture<T>[], "lastIndexOf"> & PromiseLike<T[]>;

/** What a `FutureArray` is. */
class Futures<T> extends Array<TaskFuture<T>> implements PromiseLike<T[]> {
  static {
    Object.defineProperty(Futures.prototype, FUTURES, { value: true });
  }

  /** What array methods make of it are plain arrays. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  // biome-ignore lint/suspicious/noThenProperty: all of its futures are awaited together
  then<A = T[], B = never>(
    onValue?: ((values: T[]) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const first = this[0];
    if (first === undefined) return Promise.resolve<T[]>([]).then(onValue, onError);
    const nodes = nodesOf(this) as readonly Node[];
    return (TaskFuture.schedulerOf(first).results(nodes) as Promise<T[]>).then(onValue, onError);
  }
}

/** @internal */
export function futureArray<T>(futures: Iterable<TaskFuture<T>>): FutureArray<T> {
  const array = new Futures<T>();
  for (const future of futures) array.push(future);
  return array;
}

/** The node, or the nodes, behind a future; undefined for every other value. */
export function nodesOf(value: object): Node | readonly Node[] | undefined {
  if (value instanceof TaskFuture) return TaskFuture.nodeOf(value);
  if (FUTURES in value)
    return Array.from(value as unknown as readonly object[], (future) => nodesOf(future) as Node);
  if (value instanceof Node) return value;
  return foreignNode(value);
}
