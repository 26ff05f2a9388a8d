import { expect, test } from "vitest";
import { SimulatedClock } from "../base/clock.ts";
import { TaskBoard } from "../thread/task-board.ts";
import { AttemptWatch } from "./attempt-watch.ts";

const GRACE_MS = 100;

/** A watch over one place in simulated time, and a thread that begins and ends tasks there. */
class WatchRun {
  readonly clock = new SimulatedClock();
  readonly board = new TaskBoard(1, () => this.clock.now());
  readonly told: unknown[] = [];
  readonly watch: AttemptWatch;
  #number = 0;

  constructor(timeoutMs?: number) {
    this.watch = new AttemptWatch({
      board: this.board,
      clock: this.clock,
      timeoutMs: () => timeoutMs,
      timeoutGraceMs: () => GRACE_MS,
      started: (ids) => this.told.push(ids),
      abort: (place) => this.told.push(`abort ${place}`),
      endThread: () => this.told.push("thread ended"),
    });
  }

  begin(id: number): void {
    this.board.begin(this.#number++, 0, { id, attempt: 1, fn: 0, beganAt: this.clock.now() });
    if (this.board.watch()) this.watch.start();
  }

  end(): void {
    this.board.end(0);
  }
}

test("what runs is told once, what ended between two looks never", async () => {
  const run = new WatchRun();
  run.begin(1);
  run.end();
  run.begin(2);
  await run.clock.advance(100);
  run.end();
  run.begin(3);
  await run.clock.advance(100);
  expect(run.told).toEqual([
    [2, 1],
    [3, 1],
  ]);
});

test("when nothing begins for a while it rests, and the next task wakes it", async () => {
  const run = new WatchRun();
  run.begin(1);
  await run.clock.advance(50);
  run.end();
  await run.clock.advance(1000);
  expect(run.clock.pending).toBe(0);
  run.begin(2);
  await run.clock.advance(50);
  expect(run.told).toEqual([
    [1, 1],
    [2, 1],
  ]);
});

test("an attempt that takes too long is told to end, and after its grace its thread is ended", async () => {
  const run = new WatchRun(100);
  run.begin(1);
  await run.clock.advance(150);
  expect(run.told).toEqual([[1, 1], "abort 0"]);
  await run.clock.advance(GRACE_MS);
  expect(run.told).toEqual([[1, 1], "abort 0", "thread ended"]);
});

test("it is told when its time is up, whenever it began, and ended at the end of its grace", async () => {
  const run = new WatchRun(300);
  run.begin(1);
  run.end();
  await run.clock.advance(70);
  run.begin(2);
  await run.clock.advance(299);
  expect(run.told).toEqual([[2, 1]]);
  await run.clock.advance(1);
  expect(run.told).toEqual([[2, 1], "abort 0"]);
  await run.clock.advance(GRACE_MS - 1);
  expect(run.told).toEqual([[2, 1], "abort 0"]);
  await run.clock.advance(1);
  expect(run.told).toEqual([[2, 1], "abort 0", "thread ended"]);
});

test("one that ends in its grace costs no thread, nor does the next at its place", async () => {
  const run = new WatchRun(100);
  run.begin(1);
  await run.clock.advance(150);
  expect(run.board.end(0)).toBe("timeout");
  run.begin(2);
  run.end();
  await run.clock.advance(1000);
  expect(run.told).not.toContain("thread ended");
});

test("asked again it has the shorter grace, and is told once", async () => {
  const run = new WatchRun();
  run.begin(1);
  const [attempt] = run.board.begun();
  run.watch.end(attempt!, "cancelled", 10_000);
  run.watch.end(attempt!, "cancelled", 20_000);
  run.watch.end(attempt!, "cancelled", 5);
  await run.clock.advance(10);
  expect(run.told).toEqual(["abort 0", "thread ended"]);
});
