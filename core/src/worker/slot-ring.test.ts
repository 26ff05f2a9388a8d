import { expect, test } from "vitest";
import { RING_SIZE, SlotRing } from "./slot-ring.ts";

/** The same ring, as the main thread and the task thread each see it. */
function twoSides(): { main: SlotRing; thread: SlotRing } {
  const main = new SlotRing();
  return { main, thread: new SlotRing(main.buffer) };
}

test("a task goes from queued to started to over, and both sides see it", () => {
  const { main, thread } = twoSides();
  main.queue(7);
  expect([thread.isQueued(7), thread.isStarted(7), thread.isOver(7)]).toEqual([true, false, false]);
  expect(thread.start(7)).toBe(true);
  expect([main.isQueued(7), main.isStarted(7), main.isOver(7)]).toEqual([false, true, false]);
  thread.free(7);
  expect([main.isQueued(7), main.isStarted(7), main.isOver(7)]).toEqual([false, false, true]);
});

test("either the thread starts a task or the main thread takes it back, never both", () => {
  const { main, thread } = twoSides();
  main.queue(1);
  main.queue(2);
  expect([thread.start(1), main.recall(1)]).toEqual([true, false]);
  expect([main.recall(2), thread.start(2)]).toEqual([true, false]);
  expect([main.isOver(1), main.isOver(2)]).toEqual([false, true]);
});

test("nothing starts or comes back twice, nor what was never queued", () => {
  const { main, thread } = twoSides();
  expect([thread.start(1), main.recall(1), main.isOver(1)]).toEqual([false, false, true]);
  main.queue(1);
  expect([main.recall(1), main.recall(1)]).toEqual([true, false]);
});

test("places are used again once their tasks are over, and neighbours do not touch", () => {
  const { main, thread } = twoSides();
  main.queue(3);
  thread.start(3);
  thread.free(3);
  main.queue(3 + RING_SIZE);
  main.queue(4);
  expect(thread.start(3 + RING_SIZE)).toBe(true);
  expect(main.isQueued(4)).toBe(true);
});
