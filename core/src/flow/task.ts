import { checkText } from "../base/check-options.ts";
import { InvalidOptionError } from "../base/errors.ts";
import { callSite } from "../code/call-site.ts";
import { registerTask } from "../code/registry.ts";
import type { CallSite } from "../contracts/code-unit.ts";
import type { FutureArray, MappedFuture, TaskFuture } from "../scheduler/future.ts";
import type { Inputs, KnownMapInputs, MapInputs } from "../scheduler/inputs.ts";
import type { TaskPolicy } from "../scheduler/run-function.ts";
import { resolveTaskOptions, type TaskOptions } from "../scheduler/task-options.ts";
import { currentRun } from "./current-run.ts";

/** A function that runs where the executor of the flow says. */
export interface Task<A extends unknown[], R> {
  /**
   * Inside a flow: submits the task, and gives its future at once. Outside of one: just calls the function.
   * @throws NotSerializableError for an argument that cannot travel, with the path to what cannot
   */
  (...args: Inputs<A>): TaskFuture<R>;
  /** Submits a task for each element. Arguments that are `unmapped(x)` go whole to each. */
  map(...args: KnownMapInputs<A>): FutureArray<R>;
  /** The same over the elements of a future, as soon as they are known. */
  map(...args: MapInputs<A>): MappedFuture<R>;
  readonly taskName: string;
  /** The function itself. */
  readonly fn: (...args: A) => R | PromiseLike<R>;
  /** @internal */
  readonly policy: TaskPolicy;
  /** @internal */
  readonly site: CallSite | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: the parameters of any function at all
type AnyFunction = (...args: any[]) => unknown;
type TaskOf<F extends AnyFunction> = Task<Parameters<F>, Awaited<ReturnType<F>>>;

/**
 * Defines a task. Define it at the top level of a module, so that workers, which import that module, have it too.
 *
 * @example
 * const countWords = task({ name: "count-words", retries: 2 }, async (file: string) => { … });
 * @throws InvalidOptionError for options that make no sense, and for a task without a name
 */
export function task<F extends AnyFunction>(fn: F): TaskOf<F>;
export function task<F extends AnyFunction>(nameOrOptions: string | TaskOptions, fn: F): TaskOf<F>;
export function task<F extends AnyFunction>(first: F | string | TaskOptions, second?: F): TaskOf<F> {
  const fn = typeof first === "function" ? first : second;
  const options: TaskOptions =
    typeof first === "string" ? { name: first } : typeof first === "function" ? {} : first;
  if (typeof fn !== "function")
    throw new InvalidOptionError("fn", `task() was given no function, but ${typeof fn}.`);
  const taskName = checkText(options.name, "name") ?? fn.name;
  if (taskName === "") {
    throw new InvalidOptionError("name", 'A task needs a name: task("name", …), or a function that has one.');
  }
  const site = callSite(task);
  const policy = resolveTaskOptions(taskName, options);

  const defined = function callTask(...args: Parameters<F>): unknown {
    const run = currentRun();
    return run === undefined ? fn(...args) : run.call(facts, args);
  };
  const facts = Object.assign(defined, { taskName, fn, policy, site, map }) as unknown as TaskOf<F>;
  registerTask({ name: taskName, fn, site, options });
  return facts;

  function map(...args: unknown[]): PromiseLike<unknown[]> {
    const run = currentRun();
    if (run === undefined) {
      throw new InvalidOptionError(
        "map",
        `Task "${taskName}": map() works inside a flow. Outside, call the function for each element.`,
      );
    }
    return run.map(facts, args);
  }
}
