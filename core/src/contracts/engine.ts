import type { CallSite, CodeUnit } from "./code-unit.ts";
import type { LogEvent } from "./event.ts";
import type { WorkerDeath } from "./worker-link.ts";

/** A function that tasks run, as one run of a flow knows it. */
export interface TaskFunction {
  /** Its number in this run, from 0: what travels instead of its name. */
  readonly index: number;
  readonly name: string;
  /** The function as this process has it. */
  readonly local: (...args: never[]) => unknown;
  /** Where it is defined; tells two tasks of one name apart. */
  readonly site: CallSite | undefined;
  /** How it gets to a worker. Set before the first task of it is submitted to an engine that needs it. */
  code: CodeUnit | undefined;
  /** Moving average of how long it takes, in milliseconds; undefined before the first one ended. */
  expectedMs: number | undefined;
  /** Moving average of what it gives, in bytes; what rides in messages counts as nothing. */
  expectedBytes: number;
  /** What a slot must have. */
  readonly resources: Readonly<Record<string, number>> | undefined;
  /** Milliseconds an attempt may take. */
  readonly timeoutMs: number | undefined;
  /** `true`: an attempt that began and was lost is the last, so that each is announced before it begins. */
  readonly onlyOnce: boolean;
}

/** A task that may run now, as an engine sees it. The scheduler owns it; an engine only reads. */
export interface EngineTask {
  readonly id: number;
  /** Counts from 1. A report of another attempt is not for this one. */
  readonly attempt: number;
  readonly fn: TaskFunction;
  /** What `Engine.pack` made of the arguments. */
  readonly payload: unknown;
  /** The tasks whose values the arguments refer to, in the order that `pack` found them. All have a value. */
  readonly dependencies: readonly { readonly value: unknown }[];
  readonly priority: number;
  /** Among equal priorities the deeper goes first: how many tasks, one behind another, led to this one. */
  readonly depth: number;
  /** Among equal priorities and depths the lower goes first. */
  readonly rank: number;
  /** `true`: it is not sent ahead of need, since it was there when a worker was lost. */
  readonly alone: boolean;
  /** Somebody waits for this very task: its end is told at once. */
  readonly isWaitedFor: boolean;
}

/** The end of an attempt. */
export interface TaskReport {
  readonly task: EngineTask;
  /** The attempt that ended: not the task's own any more, if the scheduler gave that one up. */
  readonly attempt: number;
  readonly worker: string;
  /**
   * `success`: `value` is what the engine keeps of the result. `failure`: the task threw `error`.
   * `timeout`, `cancelled`: it was ended. `lost`: its worker or thread died.
   */
  readonly kind: "success" | "failure" | "timeout" | "cancelled" | "lost";
  readonly value: unknown;
  /** Of the value, where it is not so small that it rode in the message. */
  readonly bytes?: number;
  /** With `timeout`: why it was not ended in time, where it was not. */
  readonly error: Error | undefined;
  /** Milliseconds that it ran. */
  readonly durationMs: number;
  /**
   * With `lost`: whether it had started. `"perhaps"`: it is one of many short ones that lay there, of which some had, and
   * one may have been the cause.
   */
  readonly started: boolean | "perhaps";
  /** With `lost`: the end of its worker. */
  readonly death: WorkerDeath | undefined;
  /** Where a worker or a thread ended in the middle of it, or of what comes before it. */
  readonly loss: Loss | undefined;
}

/** An end of a worker, or of a thread alone, as it looks from an attempt that may have been the cause. */
export interface Loss {
  /** `loading`: it was next there, and its function had not begun there before. */
  readonly during: "running" | "loading";
  readonly ofThread: boolean;
  readonly death: WorkerDeath;
  /** Which it is, of all that the engine has seen; from 1. */
  readonly number: number;
  /** How many there had been when the attempt was placed there. */
  readonly before: number;
}

/** An attempt that runs now. */
export interface TaskStart {
  readonly task: EngineTask;
  readonly attempt: number;
  readonly worker: string;
}

/** Who hears from an engine. Calls come in batches and never re-enter the engine's caller. */
export interface EngineListener {
  /** Attempts that run now. One that ends within some milliseconds is reported with its end alone. */
  started(starts: readonly TaskStart[]): void;
  reported(reports: readonly TaskReport[]): void;
  log(event: LogEvent): void;
  /** The engine cannot go on. */
  failed(error: Error): void;
}

/** What arguments became: the engine's form of them, and the futures found inside, in order. */
export interface Packed<Dependency> {
  readonly payload: unknown;
  readonly dependencies: readonly Dependency[];
}

/** Finds the task behind a future; undefined for a value that is none. Lists stand for all their elements. */
export type FutureLookup<Dependency> = (value: object) => Dependency | readonly Dependency[] | undefined;

/**
 * WHERE tasks run and how they get there. The scheduler decides when a task may run and submits it; the engine
 * places it, carries it, and reports its end, once an attempt.
 */
export interface Engine extends AsyncDisposable {
  /** Whether functions travel, so that their code must be shipped. */
  readonly needsCode: boolean;
  start(listener: EngineListener): Promise<void>;
  /**
   * Takes the arguments of a task as they are now.
   * @throws NotSerializableError naming the task and the path inside the argument
   */
  pack<Dependency>(
    args: readonly unknown[],
    taskName: string,
    lookup: FutureLookup<Dependency>,
  ): Packed<Dependency>;
  /** Takes tasks that may run now. Order is kept among those of equal priority and depth. */
  submit(tasks: readonly EngineTask[]): void;
  /**
   * Ends the task's attempt wherever it is. `true`: it was still waiting here, is forgotten, and no report follows.
   * `false`: it sees `context.signal`, after `graceMs` it loses its thread, and its end is reported.
   */
  cancel(task: EngineTask, graceMs: number): boolean;
  /**
   * Takes a value that many tasks get, once for all of them; what it gives stands for the value in `pack`.
   * Gives the value itself when there is nothing to gain.
   */
  share(value: unknown, taskName: string, lookup: FutureLookup<unknown>): unknown;
  /** The value itself, from what the engine kept of it. */
  unpack(value: unknown): unknown | Promise<unknown>;
  /**
   * What the engine keeps of a value that another run made: the counterpart of `unpack`.
   * @param what names it in messages: `the result of task "count"`
   * @throws NotSerializableError
   */
  keep(value: unknown, what: string): unknown;
  /**
   * What it keeps of what another engine keeps, without a detour over the value; undefined where there is no other
   * way. It does not matter how long the other one lives after that.
   */
  takeOver(kept: unknown, from: Engine): { readonly kept: unknown } | undefined;
  /** What it kept nobody needs any more: it may go now, rather than when garbage is collected. */
  release(kept: unknown): void;
  /** One value of many: what the engine keeps of an array whose elements it keeps. */
  gather(values: readonly unknown[]): unknown;
  /**
   * Why no worker that may come can run tasks of this function, or undefined.
   * Called once a function, at its first submission.
   */
  whyImpossible(fn: TaskFunction): string | undefined;
  /**
   * Stops taking tasks, ends what runs, lets workers go; after that nothing is told to its listener. Idempotent; takes
   * some seconds at most.
   */
  close(): Promise<void>;
}
