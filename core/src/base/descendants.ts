import { readdirSync, readFileSync } from "node:fs";
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
 * Ends all that a process started, and what that started, but not this process itself: the group that it heads, and, on
 * Linux, whatever has left the group and bears its mark; if it is this process, also what descends from it without a mark.
 * Elsewhere nobody but a parent tells of its children, and what has left the group stays. Gives the ids of what it ended.
 */
export function endDescendants(ancestor: Ancestor): number[] {
  const { pid } = ancestor;
  if (pid !== undefined && pid !== process.pid) killGroup(pid);
  const ended = new Set<number>();
  for (let look = 0; look < MAX_LOOKS; look++) {
    const found = descendants(ancestor).filter((descendant) => !ended.has(descendant));
    if (found.length === 0) break;
    for (const descendant of found) {
      ended.add(descendant);
      kill(descendant);
    }
  }
  return [...ended];
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
export function killGroup(pid: number): void {
  kill(-pid);
}

/**
 * Ends this process and its group at once, whatever its threads do: `process.exit` waits for all of them, for ever if one
 * is in a call that does not return.
 */
export function killThisProcess(): void {
  killGroup(process.pid);
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

/** Parents before their children: a script whose command is ended must not go on to the next one. */
function descendants({ mark, pid: ancestor }: Ancestor): number[] {
  const found = new Set<number>();
  for (const pid of processIds()) {
    if (pid === process.pid) continue;
    const { state, parent, group } = standing(pid);
    if (state === "Z" || state === "X") continue;
    const isChild = found.has(parent) || (parent === process.pid && ancestor === parent);
    if (isChild || (ancestor !== undefined && group === ancestor) || bears(pid, mark)) found.add(pid);
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

const GONE = { state: "X", parent: 0, group: 0 };

function standing(pid: number): { state: string; parent: number; group: number } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name before the state may contain anything, parentheses too.
    const [state, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: state!, parent: Number(parent), group: Number(group) };
  } catch {
    return GONE;
  }
}

function bears(pid: number, mark: Mark): boolean {
  const settings = Object.entries(mark).map(([name, value]) => `\0${name}=${value}\0`);
  if (settings.length === 0) return false;
  try {
    const environment = `\0${readFileSync(`/proc/${pid}/environ`, "utf8")}`;
    return settings.every((setting) => environment.includes(setting));
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
