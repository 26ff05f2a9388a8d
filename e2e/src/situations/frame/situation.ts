import type { AdaptOptions, ClientOptions, StateName } from "@muster/core";
import type { DockerClusterOptions } from "@muster/docker";
import type { LocalClusterOptions } from "@muster/local";
import type { Scene } from "./scene.ts";

/** Where tasks run: one for each executor that there is. `own`: the flow's text names its executors itself. */
export type Place = "local" | "threads" | "processes" | "cluster" | "docker" | "own";

export const EVERYWHERE: readonly Place[] = ["local", "threads", "processes", "cluster", "docker"];
/** Whose tasks run on threads other than the driver's. */
export const POOLS: readonly Place[] = ["threads", "processes", "cluster", "docker"];
/** Whose tasks run in processes other than the driver's. */
export const WORKERS: readonly Place[] = ["processes", "cluster", "docker"];
export const CLUSTERS: readonly Place[] = ["cluster", "docker"];

/** One row of a table: what is run, what is done to it, and what must be true then. */
export interface Situation {
  /** A sentence that says what must be true. */
  readonly name: string;
  /** Runs once for each of them. @default EVERYWHERE */
  readonly on?: readonly Place[];
  /**
   * TypeScript: the user's file `flow.ts`, whose default export is a flow. All that `@muster/core` exports is there
   * without an import, and so are `executor` and `place` of the row, and of `frame/kit.ts` `ran`, `told`, `forever`
   * and `compute`.
   */
  readonly flow?: string;
  /**
   * TypeScript: the program, instead of one that runs the flow once; same names as in `flow`, which is `self` here.
   * `ended(state)` makes a state the one that is looked at.
   */
  readonly main?: string;
  /** More files of the user's project, by their paths. */
  readonly files?: Readonly<Record<string, string>>;
  readonly start?: Start;
  readonly executor?: ExecutorFacts;
  /** What is done to it while it runs. Each wait is for something that happens, never for time. */
  during?(scene: Scene): unknown;
  /** What must be true at the end, beside that nothing is left. */
  readonly after: Expected | ((place: Place) => Expected);
  /** Milliseconds within which it must be over. @default 120000 */
  readonly deadlineMs?: number;
}

/** How the driver is started. */
export interface Start {
  /** @default "program": `flow.run()` in a plain Node */
  readonly by?: "program" | "muster run";
  /** Of `muster run`, behind the file; of the program. */
  readonly args?: readonly string[];
  readonly nodeOptions?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** TypeScript: options of `flow.run({ … })`, such as `parameters: 1`. */
  readonly runOptions?: string;
  /** Who it runs as: somebody without an entry in /etc/passwd, say. @default as whom the tests run */
  readonly uid?: number;
  /** How many files it may have open. */
  readonly openFiles?: number;
  /** In a terminal, whose words are all in `stdout`. @default pipes */
  readonly terminal?: boolean;
  /** In a container of its own, whose PID 1 it is. The engine is reachable from there. */
  readonly container?: boolean;
}

/** Options of the row's executor, for those that have them. */
export interface ExecutorFacts {
  /** Threads, processes, containers. @default 2 */
  readonly workers?: number;
  readonly tasksPerThread?: number;
  readonly cancelGraceMs?: number;
  readonly client?: ClientOptions;
  readonly adapt?: AdaptOptions;
  /** Of both clusters. */
  readonly cluster?: LocalClusterOptions & DockerClusterOptions;
  readonly docker?: DockerClusterOptions;
}

/** A text that must be there, or `{ not: … }` one that must not. */
export type Words = string | RegExp | { readonly not: string | RegExp };

export interface Expected {
  readonly state?: StateName;
  /** Of the final state. */
  readonly message?: string | RegExp;
  /** What the flow returned: `toEqual`. */
  readonly result?: unknown;
  /** `name`, `code`, `message` and `cause` of the final state's error: `toMatchObject`. */
  readonly error?: object;
  readonly stdout?: Words | readonly Words[];
  readonly stderr?: Words | readonly Words[];
  /** @default 0, unless `signal` is given; with `muster run`, what fits `state` */
  readonly exitCode?: number;
  /** What ended the driver. */
  readonly signal?: NodeJS.Signals;
  /** How often each `ran(…)` was called: exactly, or from … to. Those not named may be anything. */
  readonly ran?: Readonly<Record<string, number | readonly [least: number, most: number]>>;
  /** What may be left in this situation, of all that is listed after it. @default nothing */
  readonly left?: RegExp;
  /** Anything else. */
  check?(seen: Seen): unknown;
}

/** How it ended. */
export interface Seen {
  readonly place: Place;
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** `undefined` when the driver did not live to see it. */
  readonly outcome: Outcome | undefined;
  /** Every word that was written by `ran`, in order. */
  readonly ran: readonly string[];
}

export interface Outcome {
  readonly state: StateName;
  readonly message: string;
  /** Not with `muster run`. */
  readonly result?: unknown;
  readonly error?: { readonly name: string; readonly message: string; readonly code?: string };
}
