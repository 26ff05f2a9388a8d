import { expect, test } from "vitest";
import { Slots } from "./slots.ts";

/** The same slots, as the main thread and the task thread each see them. */
function twoSides(): { main: Slots; thread: Slots } {
  const main = new Slots();
  return { main, thread: new Slots(main.buffer) };
}

test("a task goes from queued to started, and both sides see it", () => {
  const { main, thread } = twoSides();
  main.queue(7);
  expect([main.isStarted(7), main.isFree(7)]).toEqual([false, false]);
  expect(thread.start(7)).toBe(true);
  expect([main.isStarted(7), main.isFree(7)]).toEqual([true, false]);
});

test("either the thread starts a task or the main thread takes it back, never both", () => {
  const { main, thread } = twoSides();
  main.queue(1);
  main.queue(2);
  expect([thread.start(1), main.recall(1)]).toEqual([true, false]);
  expect([main.recall(2), thread.start(2)]).toEqual([true, false]);
});

test("the slot of a task that was taken back is free only once the thread has passed over it", () => {
  const { main, thread } = twoSides();
  main.queue(3);
  main.recall(3);
  expect(main.isFree(3)).toBe(false);
  thread.start(3);
  expect(main.isFree(3)).toBe(true);
});

test("nothing starts or comes back twice, nor what was never queued", () => {
  const { main, thread } = twoSides();
  expect([thread.start(1), main.recall(1)]).toEqual([false, false]);
  main.queue(1);
  expect([main.recall(1), main.recall(1)]).toEqual([true, false]);
});
