import { appendFileSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { context, task } from "@muster/core";

/** What a task is to do. */
export interface Order {
  /** Names the task in the ledger: no other one has it. */
  readonly key: string;
  readonly ledger: string;
  /** Milliseconds that it waits, and that it computes. */
  readonly waitMs: number;
  readonly computeMs: number;
  /** Bytes of its value; undefined: its value is undefined. */
  readonly size: number | undefined;
  readonly fails: boolean;
}

export interface Value {
  readonly key: string;
  /** Of what it was given: their keys. */
  readonly inputs: readonly string[];
  readonly bytes: Uint8Array;
}

/** Bytes that differ from key to key. */
export function bytesOf(key: string, size: number): Uint8Array {
  return new Uint8Array(size).fill([...key].reduce((sum, letter) => sum + letter.charCodeAt(0), 0));
}

/** Writes into the ledger when it begins and when it ends, and whether another attempt of it runs at the same time. */
export const work = task(
  { name: "work", workerLostRetries: 50 },
  async (order: Order, inputs: readonly (Value | undefined)[]): Promise<Value | undefined> => {
    const { key, ledger, waitMs, computeMs, size, fails } = order;
    const who = `${hostname()}/${process.pid}`;
    if (runsElsewhere(ledger, key, who)) appendFileSync(ledger, `twice ${key} ${who}\n`);
    appendFileSync(ledger, `begin ${key} ${who} ${context.attempt}\n`);
    try {
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      for (const until = performance.now() + computeMs; performance.now() < until; );
      if (fails) throw new RangeError(`${key} was to fail`);
      if (size === undefined) return undefined;
      return { key, inputs: inputs.map((input) => input?.key ?? "none"), bytes: bytesOf(key, size) };
    } finally {
      appendFileSync(ledger, `end ${key} ${who}\n`);
    }
  },
);

/** An attempt that began, has not ended, and whose process runs, as far as that can be seen from here. */
function runsElsewhere(ledger: string, key: string, who: string): boolean {
  if ((context.attempt ?? 1) <= 1) return false;
  const open = new Set<string>();
  for (const line of readFileSync(ledger, "utf8").split("\n")) {
    const [what, of, by = ""] = line.split(" ");
    if (of !== key) continue;
    if (what === "begin") open.add(by);
    if (what === "end") open.delete(by);
  }
  const [host] = who.split("/");
  return [...open].some((by) => by.startsWith(`${host}/`) && runs(by.slice(host!.length + 1)));
}

function runs(pid: string): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
