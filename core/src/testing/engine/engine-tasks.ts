import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import { registerTask } from "../../code/registry.ts";
import { context } from "../../context/context.ts";

/* What the tests of engines run. This module is bundled, and workers import it: it must need little of core. */

/** How often a task looks whether its gate is open, in milliseconds. */
const LOOK_MS = 5;
const nobody = new Int32Array(new SharedArrayBuffer(4));

async function gateOpen(gate: string): Promise<void> {
  while (!existsSync(gate)) await delay(LOOK_MS);
}

function note(file: string, word: string): void {
  appendFileSync(file, `${word} `);
}

const forEver = (): Promise<never> => new Promise(() => setInterval(() => {}, 60_000));

let turns = 0;

/** Files are the threads' only way to each other and to a test: gates, which a test opens, and notes, which it reads. */
export const engineTasks = {
  echo: (...values: unknown[]) => values,
  length: (value: { length: number }) => value.length,
  sum: (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0),
  bytes: (length: number, fill: number) => new Uint8Array(length).fill(fill),
  hash: (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex"),
  /** Which task of this thread it is. */
  turn: () => turns++,
  place: () => ({ process: process.pid, thread: threadId }),
  facts: () => {
    const { flowRunId, flowName, taskName, taskRunId, attempt, parameters, image } = context;
    return { flowRunId, flowName, taskName, taskRunId, attempt, parameters, image };
  },
  note,

  /** Waits, and leaves its thread to others meanwhile. */
  hold: async (gate: string) => {
    await gateOpen(gate);
    return "held";
  },
  /** Waits, and keeps its thread. */
  keepThread: (gate: string) => {
    while (!existsSync(gate)) Atomics.wait(nobody, 0, 0, LOOK_MS);
    return "kept";
  },
  /** Says when it comes and when it goes. */
  visit: async (file: string, stayMs: number) => {
    note(file, "in");
    await delay(stayMs);
    note(file, "out");
  },
  /** Ends when it is told to, once it has cleaned up. */
  obey: async (file: string) => {
    const { signal } = context;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    note(file, (signal.reason as { code: string }).code);
    return "cleaned up";
  },
  forEver,
  spin: () => {
    for (;;);
  },

  /** A moment in the life of a run in which much goes wrong. */
  live: async (file: string, { ms = 0, end = "well" }: Life) => {
    const { taskRunId, attempt } = context;
    note(file, `${taskRunId!.slice(taskRunId!.lastIndexOf("-") + 1)}.${attempt}`);
    if (ms > 0) await delay(ms);
    if (attempt === 1 && end === "thread") process.exit(1);
    if (attempt === 1 && end === "failure") throw new Error("as it was told");
    return ms;
  },

  fail: (how: keyof typeof failures) => failures[how](),
  give: (what: keyof typeof untransportable) => untransportable[what](),
  exitThread: (code: number) => process.exit(code),
  killProcess: (signal: NodeJS.Signals) => {
    process.kill(process.pid, signal);
    return forEver();
  },
  /** Ends its process, or only its thread, if it is the one with this word; notes that it was there. */
  fatal: (file: string, word: string, last: string, how: "process" | "thread") => {
    note(file, word);
    if (word !== last) return word;
    if (how === "thread") process.exit(3);
    process.kill(process.pid, "SIGKILL");
    return forEver();
  },
  throwLater: () => {
    setTimeout(() => {
      throw new Error("nobody catches this");
    }, 1);
    return forEver();
  },
  hogMemory: () => {
    // In small pieces: where a thread grows by much at a time, V8 ends the whole process.
    let last: object = {};
    for (;;) last = { last };
  },

  log: (lines: number, padding: string) => {
    for (let line = 0; line < lines; line++) context.logger.info(`line ${line}${padding}`);
    context.logger.debug("nobody wants to hear this");
    return lines;
  },
  logAndEnd: (message: string) => {
    context.logger.warn(message, { of: "its end" });
    process.exit(0);
  },
  /** Starts a program that outlives it. */
  leaveProgram: () => spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" }).pid,
};

export interface Life {
  /** How long it waits. @default 0 */
  readonly ms?: number;
  /** How its first attempt ends. @default "well" */
  readonly end?: "well" | "thread" | "failure";
}

const failures = {
  typeError: () => {
    const cause = Object.assign(new RangeError("the first"), { path: "/nowhere" });
    throw Object.assign(new TypeError("the second", { cause }), { code: "E_SECOND", rows: [1, 2] });
  },
  text: () => {
    throw "a text";
  },
  rejection: () => Promise.reject(new Error("later")),
};

const untransportable = {
  nested: () => ({ rows: [1, { onDone: () => 1 }] }),
  whole: () => forEver,
};

for (const [name, fn] of Object.entries(engineTasks))
  registerTask({ name, fn, site: undefined, options: undefined });
