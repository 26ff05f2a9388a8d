import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { isProcess } from "./is-process.ts";

/** `gone`: for good. `elsewhere`: only somebody on its own machine (and in its own container) could tell. */
export type ProcessFate = "lives" | "gone" | "elsewhere";

let own: string | undefined;

/**
 * Names this process so that others can tell later whether it still lives, with no clock: where it runs, its id, and when
 * it was started, since ids are used again. Such as `"web-1 3a5f… 4026531836 1234 88105"`.
 */
export function processIdentity(): string {
  own ??= [whereabouts(), process.pid, startOf(process.pid) ?? "-"].join(" ");
  return own;
}

/** What has become of the process that gave itself this name. */
export function fateOf(identity: string): ProcessFate {
  const [, where, id, start] = /^(.*) (\d+) (\S+)$/.exec(identity) ?? [];
  if (where === undefined || where !== whereabouts()) return "elsewhere";
  const pid = Number(id);
  if (!isProcess(pid)) return "gone";
  const startNow = startOf(pid);
  // Of somebody else's process there may be nothing to read.
  return startNow === undefined || startNow === start || start === "-" ? "lives" : "gone";
}

/** The same for all processes that see each other: the machine since it was started, and the container. */
function whereabouts(): string {
  if (process.platform !== "linux") return hostname();
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
    return `${hostname()} ${boot} ${readlinkSync("/proc/self/ns/pid").replace(/\D/g, "")}`;
  } catch {
    // Nobody but itself can find it then.
    return `${hostname()} ${process.pid}`;
  }
}

/** In ticks since the machine was started; undefined if it cannot be told. A zombie's is `"ended"`. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name before the state may contain anything, parentheses too.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? "ended" : fields[18];
  } catch {
    return undefined;
  }
}
