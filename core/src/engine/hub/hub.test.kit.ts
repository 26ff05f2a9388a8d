import { createHash } from "node:crypto";
import type { EngineListener, EngineTask, TaskFunction, TaskReport } from "../../contracts/engine.ts";
import type { LogEvent } from "../../contracts/event.ts";

/** Keeps what a hub tells. */
export class Listener implements EngineListener {
  readonly reports: TaskReport[] = [];
  readonly logs: LogEvent[] = [];
  failure: Error | undefined;

  started(): void {}

  reported(reports: readonly TaskReport[]): void {
    this.reports.push(...reports);
  }

  log(event: LogEvent): void {
    this.logs.push(event);
  }

  failed(error: Error): void {
    this.failure = error;
  }
}

const source = "(n) => n + 1";

const fn: TaskFunction = {
  index: 0,
  name: "increment",
  local: (n: number) => n + 1,
  site: undefined,
  code: { kind: "inline", id: createHash("sha256").update(source).digest("hex"), source },
  expectedMs: undefined,
  expectedBytes: 0,
  resources: undefined,
  timeoutMs: undefined,
  onlyOnce: false,
};

/** Tasks of one function, each with its number as its argument. */
export function tasks(count: number, pack: (n: number) => unknown): EngineTask[] {
  return Array.from({ length: count }, (_, n) => ({
    id: n + 1,
    rank: n + 1,
    attempt: 1,
    fn,
    payload: pack(n),
    dependencies: [],
    priority: 0,
    depth: 1,
    alone: true,
    isWaitedFor: false,
  }));
}

/** Random numbers, the same in every run of a test. */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    // Mulberry32, by Tommy Ettinger.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
