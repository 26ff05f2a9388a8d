import { readdirSync, readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { delay } from "./wait.ts";

/** Environment variables, with their values, that a process hands on to all that it starts. */
export type Mark = Readonly<Record<string, string>>;

export interface Ancestor {
  readonly mark: Mark;
  /** Its process: the head of a group, as far as it is one. */
  readonly pid?: number | undefined;
}

/** What was started while others were ended is looked for so many times. */
const MAX_LOOKS = 10;
/** A parent that lives has so long to take note of its children's ends, in milliseconds. */
const NOTE_MS = 200;

/**
 * Ends processes, unless it is this one, and all that they started, and what that started: the groups that they head, and,
 * on Linux, whatever has left the group and bears the mark, or descends from one that lives. Elsewhere nobody but a parent
 * tells of its children, and what has left the group stays. Gives the ids of what it ended.
 */
export function endDescendants(...ancestors: readonly Ancestor[]): number[] {
  const ended = new Set<number>();
  for (let look = 0; look < MAX_LOOKS; look++) {
    const found = descendants(ancestors).filter((descendant) => !ended.has(descendant));
    if (look === 0) for (const ancestor of ancestors.filter(isOther)) killGroup(ancestor);
    if (found.length === 0) break;
    for (const descendant of found) {
      ended.add(descendant);
      kill(descendant);
    }
  }
  return [...ended];
}

let ofThisTurn: { readonly ancestors: Ancestor[]; readonly ended: Promise<void> } | undefined;

/** The same, at the end of this turn of the event loop: looking takes some milliseconds, for many as long as for one. */
export function endDescendantsSoon(ancestor: Ancestor): Promise<void> {
  ofThisTurn ??= { ancestors: [], ended: setImmediate().then(endThoseOfThisTurn) };
  ofThisTurn.ancestors.push(ancestor);
  return ofThisTurn.ended;
}

function endThoseOfThisTurn(): void {
  const { ancestors } = ofThisTurn!;
  ofThisTurn = undefined;
  endDescendants(...ancestors);
}

/**
 * Does so before the threads that started them end: these alone take note of it, and where PID 1 takes no note of orphans,
 * as in a container without an init process, they would stay as zombies.
 */
export async function endDescendantsFirst(ancestor: Ancestor): Promise<void> {
  const children = endDescendants(ancestor).filter((pid) => standing(pid).parent === process.pid);
  const isThere = (pid: number): boolean => standing(pid).parent === process.pid;
  for (let waitedMs = 0; waitedMs < NOTE_MS && children.some(isThere); waitedMs += 10) await delay(10);
}

/** Ends the group that a process heads, it included; what has left the group stays. */
export function killGroup({ pid }: Pick<Ancestor, "pid">): void {
  if (pid !== undefined) kill(-pid);
}

/**
 * Ends this process and its group at once, whatever its threads do: `process.exit` waits for all of them, for ever if one
 * is in a call that does not return.
 */
export function killThisProcess(): void {
  killGroup(process);
  kill(process.pid);
  // The first process of a container is deaf to its own signals; but not to the fault that this ends with.
  process.abort();
}

/** Whether this process has started any that still runs; `true` where nobody can tell. */
export function hasChildren(): boolean {
  try {
    const tasks = "/proc/self/task";
    return readdirSync(tasks).some((id) => readFileSync(`${tasks}/${id}/children`, "latin1") !== "");
  } catch {
    return true;
  }
}

/**
 * Whether this process has ever started any: of what never was there nothing is left, and need not be looked for, which
 * takes longer than all else at the end of a process. `true` where nobody can tell.
 */
export function hasHadChildren(): boolean {
  return hasChildren() || childrenFaults() !== 0;
}

/** Page faults of children that have ended, of which no process has none. */
function childrenFaults(): number | undefined {
  try {
    const stat = readFileSync("/proc/self/stat", "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[8]);
  } catch {
    return undefined;
  }
}

function isOther({ pid }: Ancestor): boolean {
  return pid !== process.pid;
}

/** Parents before their children: a script whose command is ended must not go on to the next one. */
function descendants(ancestors: readonly Ancestor[]): number[] {
  const groups = new Set(ancestors.map(({ pid }) => pid));
  const marks = ancestors.map(({ mark }) => linesOf(mark));
  const found = new Set<number>();
  const own = standing(process.pid);
  for (const pid of processIds()) {
    if (pid === process.pid) continue;
    const { state, parent, group, start } = standing(pid);
    // What is older than this process was started by nobody whom it has to do with.
    if (state === "Z" || state === "X" || start < own.start) continue;
    const isChild = found.has(parent) || (parent === process.pid && groups.has(parent));
    if (isChild || groups.has(group) || bears(pid, marks)) found.add(pid);
  }
  return [...found];
}

/**
 * How many programs have ended, and stay as zombies since nobody takes note of it: the first process of this container is
 * Node, which knows its own children alone. Elsewhere, and where nobody can tell, 0.
 */
export function zombiesOfFirstProcess(): number {
  if (!isFirstProcessNode()) return 0;
  return processIds()
    .map(standing)
    .filter(({ state, parent }) => state === "Z" && parent === 1).length;
}

function isFirstProcessNode(): boolean {
  if (process.platform !== "linux") return false;
  if (process.pid === 1) return true;
  try {
    // `npm` and the like are Node as well, and say so in this place.
    return /^(\S*\/)?(node|npm|npx|yarn|pnpm)\b/.test(readFileSync("/proc/1/cmdline", "latin1"));
  } catch {
    return false;
  }
}

function processIds(): number[] {
  try {
    return readdirSync("/proc").map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

const GONE = { state: "X", parent: 0, group: 0, start: 0 };

/** When it was started is counted in ticks since the machine was. */
function standing(pid: number): typeof GONE {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name before the state may contain anything, parentheses too.
    const [state, parent, group, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: state!, parent: Number(parent), group: Number(group), start: Number(rest[16]) };
  } catch {
    return GONE;
  }
}

/** As they stand in an environment that begins and ends with a zero. */
function linesOf(mark: Mark): readonly string[] {
  return Object.entries(mark).map(([name, value]) => `\0${name}=${value}\0`);
}

function bears(pid: number, marks: readonly (readonly string[])[]): boolean {
  try {
    const environment = `\0${readFileSync(`/proc/${pid}/environ`, "utf8")}`;
    return marks.some((lines) => lines.length > 0 && lines.every((line) => environment.includes(line)));
  } catch {
    // It has ended meanwhile, or is somebody else's.
    return false;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
