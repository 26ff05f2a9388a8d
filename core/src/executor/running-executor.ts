import { checkNumber, checkOptionNames } from "../base/check-options.ts";
import { zombiesOfFirstProcess } from "../base/descendants.ts";
import { InvalidOptionError, MusterError } from "../base/errors.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { showSite } from "../code/call-site.ts";
import type { Engine } from "../contracts/engine.ts";
import type { LogLevel } from "../contracts/event.ts";
import type { EventLog } from "../events/event-log.ts";
import { type FutureArray, futureArray, MappedFuture, nodesOf, TaskFuture } from "../scheduler/future.ts";
import { type Inputs, isUnmapped, type Resolved } from "../scheduler/inputs.ts";
import type { MapSource } from "../scheduler/map-source.ts";
import { DEFAULT_POLICY, type RunFunction } from "../scheduler/run-function.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { TaskFacts } from "../scheduler/task-facts.ts";
import { resolveTaskOptions, type TaskOptions } from "../scheduler/task-options.ts";
import { Node } from "../scheduler/task-run.ts";
import { NestedFutures } from "../wire/nested.ts";
import type { CodeShipper } from "./code-shipper.ts";

/** The parts of an executor that runs. Which ones there are is the composition's business. */
export interface ExecutorParts {
  readonly scheduler: Scheduler;
  readonly engine: Engine;
  readonly events: EventLog;
  /** Undefined where functions do not travel. */
  readonly shipper: CodeShipper | undefined;
  readonly cluster: Cluster | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: the parameters of any function at all
type AnyFunction = (...args: any[]) => unknown;

let hasWarnedOfZombies = false;

/** Workers have so long to leave by themselves at the end, in milliseconds. */
const CLOSE_GRACE_MS = 2000;

/** An executor between its start and its end: it takes tasks, and gives futures. */
export class RunningExecutor implements AsyncDisposable {
  readonly #parts: ExecutorParts;
  /** Tasks by name: a name means one task in a run. */
  readonly #tasks = new Map<string, TaskFacts>();
  readonly #functions = new Map<TaskFacts, RunFunction>();
  /** Functions that are no tasks, and tasks with other options, by their names and how they are to be treated. */
  readonly #variants = new WeakMap<AnyFunction, Map<string, RunFunction>>();
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(parts: ExecutorParts) {
    this.#parts = parts;
  }

  /** The workers, where there are some. */
  get cluster(): Cluster | undefined {
    return this.#parts.cluster;
  }

  /** @internal */
  get scheduler(): Scheduler {
    return this.#parts.scheduler;
  }

  /**
   * Runs a function where the executor runs things. A function that is no task travels as its source, so it has to
   * stand alone.
   * @param options how this call is treated; of a task, all that is not said stays as the task says
   * @throws InvalidOptionError
   * @throws MusterError `CODE` for a function that uses variables from around it, with their names
   * @throws NotSerializableError for an argument that cannot travel
   */
  submit<F extends AnyFunction>(
    fn: F,
    args: Inputs<Parameters<F>>,
    options?: TaskOptions,
  ): TaskFuture<Awaited<ReturnType<F>>> {
    this.#refuseIfClosed();
    if (isTask(fn)) return this.#submit(this.#taskWith(fn, options), args);
    const name = options?.name ?? (fn.name || "anonymous");
    const policy = options === undefined ? DEFAULT_POLICY : resolveTaskOptions(name, options);
    return this.#submit(this.#variantOf({ taskName: name, fn, policy, site: undefined }), args);
  }

  #taskWith(task: TaskFacts, options: TaskOptions | undefined): RunFunction {
    const known = this.#functionOf(task);
    if (options === undefined) return known;
    const { taskName, fn, site } = task;
    if (options.name !== undefined && options.name !== taskName) {
      const message = `Task "${taskName}" cannot be submitted as "${options.name}": its name is what workers know it by.`;
      throw new InvalidOptionError("name", message);
    }
    return this.#variantOf({
      taskName,
      fn,
      policy: resolveTaskOptions(taskName, options, task.policy),
      site,
    });
  }

  /** The same function with other options is another one to the scheduler. */
  #variantOf(task: TaskFacts): RunFunction {
    const known = this.#variants.get(task.fn) ?? new Map<string, RunFunction>();
    this.#variants.set(task.fn, known);
    const key = `${task.taskName} ${JSON.stringify(task.policy)}`;
    let variant = typeof task.policy.retryDelay === "function" ? undefined : known.get(key);
    if (variant === undefined) {
      variant = this.#addFunction(task);
      known.set(key, variant);
    }
    return variant;
  }

  /** @internal */
  call(task: TaskFacts, args: readonly unknown[]): TaskFuture<unknown> {
    return this.#submit(this.#functionOf(task), args);
  }

  /** @internal */
  map(task: TaskFacts, args: readonly unknown[]): FutureArray<unknown> | MappedFuture<unknown> {
    const fn = this.#functionOf(task);
    const { scheduler } = this.#parts;
    const sources = args.map((arg, index) =>
      mapSource(arg, `argument ${index + 1} of ${task.taskName}.map()`),
    );
    if (sources.some((source) => source.kind === "node")) {
      return new MappedFuture(scheduler, scheduler.mapLater(fn, sources));
    }
    const runs = scheduler.map(fn, sources);
    return futureArray(runs.map((run) => new TaskFuture(scheduler, run)));
  }

  /** `value` with all futures in it replaced by their values, once they are there. Throws the first error. */
  async wait<T>(value: T): Promise<Resolved<T>> {
    const nested = new NestedFutures<Node>(value, nodesOf);
    const results = await Promise.all(nested.futures.map((node) => node.owner.result(node)));
    const values = new Map(nested.futures.map((node, index) => [node, results[index]]));
    return nested.fill((node) => values.get(node)) as Resolved<T>;
  }

  /** Ends all tasks that have not ended. With `graceMs` 0 their threads are ended at once. */
  cancel(reason: string, options: { graceMs?: number } = {}): void {
    checkGrace(options, "cancel()");
    this.#parts.scheduler.cancelAll(reason, options.graceMs);
  }

  /** Ends what still runs, lets the workers go, and removes all that was made. Closing again waits for the same end. */
  close(options: { graceMs?: number } = {}): Promise<void> {
    checkGrace(options, "close()");
    this.#closing ??= this.#close(options.graceMs ?? CLOSE_GRACE_MS);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(graceMs: number): Promise<void> {
    const { scheduler, engine, cluster } = this.#parts;
    scheduler.cancelAll("the executor was closed", 0);
    // At once: the engine's goodbye spares workers the wait for a signal, and the cluster expects them to end.
    const [closed, ended] = await Promise.allSettled([cluster?.close({ graceMs }), engine.close()]);
    scheduler.close("the executor was closed");
    if (closed.status === "rejected") throw closed.reason;
    for (const { what, reason } of closed.value?.leftovers ?? [])
      this.#log("error", `${what} could not be removed: ${reason}`);
    this.#warnOfZombies();
    if (ended.status === "rejected") throw ended.reason;
  }

  /** Once a process: what is there stays there. */
  #warnOfZombies(): void {
    const zombies = hasWarnedOfZombies ? 0 : zombiesOfFirstProcess();
    if (zombies === 0) return;
    hasWarnedOfZombies = true;
    this.#log(
      "warn",
      `${zombies} processes have ended and stay as zombies, among them what tasks started: the first process of this container is Node, which takes no note of orphans. Start the container with an init process: docker run --init, or init: true in a compose file.`,
    );
  }

  #submit(fn: RunFunction, args: readonly unknown[]): TaskFuture<never> {
    const { scheduler } = this.#parts;
    return new TaskFuture(scheduler, scheduler.submit(fn, args));
  }

  #functionOf(task: TaskFacts): RunFunction {
    const known = this.#functions.get(task);
    if (known !== undefined) return known;
    const namesake = this.#tasks.get(task.taskName);
    if (namesake !== undefined) throw duplicateTask(task, namesake);
    const added = this.#addFunction(task);
    this.#tasks.set(task.taskName, task);
    this.#functions.set(task, added);
    return added;
  }

  #addFunction(task: TaskFacts): RunFunction {
    const { scheduler, shipper } = this.#parts;
    const fn = scheduler.makeFunction({ name: task.taskName, local: task.fn, site: task.site }, task.policy);
    shipper?.prepare(fn);
    scheduler.addFunction(fn);
    return fn;
  }

  #refuseIfClosed(): void {
    if (this.#closing !== undefined)
      throw new MusterError("CLOSED", "The executor is closed: it takes no more tasks.");
  }

  #log(level: LogLevel, message: string): void {
    this.#parts.events.emit({ type: "log", at: Date.now(), level, message });
  }
}

function checkGrace(options: { graceMs?: number }, where: string): void {
  checkOptionNames(options, ["graceMs"], { where });
  checkNumber(options.graceMs, 0, { option: "graceMs", min: 0 });
}

function mapSource(arg: unknown, what: string): MapSource {
  if (isUnmapped(arg)) return { kind: "same", value: arg.value };
  const found = typeof arg === "object" && arg !== null ? nodesOf(arg) : undefined;
  if (found instanceof Node) return { kind: "node", node: found };
  if (typeof arg === "object" && arg !== null && Symbol.iterator in arg) {
    return { kind: "elements", elements: Array.isArray(arg) ? arg : [...(arg as Iterable<unknown>)] };
  }
  const hint =
    typeof arg === "string"
      ? "a string would be mapped letter by letter"
      : `it is ${arg === null ? "null" : typeof arg}`;
  throw new MusterError(
    "INVALID_OPTION",
    `The ${what} is no list: ${hint}. Give an array, or unmapped(x) for a value that each task gets whole.`,
  );
}

function duplicateTask(task: TaskFacts, namesake: TaskFacts): MusterError {
  const places = [namesake, task].map(({ site }) =>
    site === undefined ? "an unknown place" : showSite(site),
  );
  return new MusterError(
    "DUPLICATE_TASK",
    `Two tasks of this flow are called "${task.taskName}": at ${places.join(" and at ")}. Give each a name of its own.`,
  );
}

function isTask(fn: AnyFunction): fn is AnyFunction & TaskFacts {
  return "taskName" in fn && "policy" in fn;
}
