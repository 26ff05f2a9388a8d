import { expect, test } from "vitest";
import { TaskBoard } from "./task-board.ts";

const task = (id: number) => ({ id, attempt: 1, fn: 0, beganAt: 0 });

/** The same board, as the main thread and the task thread each see it. */
function twoSides(places = 1): { main: TaskBoard; thread: TaskBoard } {
  const main = new TaskBoard(places);
  return { main, thread: new TaskBoard(main.buffer) };
}

test("what begins is seen by the main thread until it ends", () => {
  const { main, thread } = twoSides(2);
  expect(thread.begin(0, 0, { id: 7, attempt: 3, fn: 5, beganAt: 0 })).toBe(true);
  expect(thread.begin(1, 1, task(8))).toBe(true);
  expect(main.begun()).toMatchObject([{ id: 7, attempt: 3, fn: 5, place: 0, ending: undefined }, { id: 8 }]);
  expect(main.next).toBe(2);
  expect(thread.end(0)).toBeUndefined();
  expect(main.begun()).toMatchObject([{ id: 8, place: 1 }]);
});

test("either the thread begins a task or the main thread takes it back, never both", () => {
  const { main, thread } = twoSides();
  thread.begin(0, 0, task(1));
  thread.end(0);
  expect(main.takeBack(3)).toBe(1);
  expect([thread.begin(1, 0, task(2)), thread.begin(2, 0, task(3))]).toEqual([false, false]);
  expect(main.begun({ beginning: true })).toEqual([]);
  expect(thread.begin(3, 0, task(4))).toBe(true);
});

test("nothing is taken back twice, nor what has begun", () => {
  const { main, thread } = twoSides();
  thread.begin(0, 0, task(1));
  expect(main.takeBack(1)).toBe(1);
  expect(main.takeBack(4)).toBe(1);
  expect(main.takeBack(4)).toBe(4);
  expect(main.takeBack(2)).toBe(2);
});

test("numbers go on beyond 32 bits", () => {
  const { main, thread } = twoSides();
  main.takeBack(2 ** 31 - 1);
  main.takeBack(2 ** 32 - 2);
  expect(thread.begin(2 ** 32 - 2, 0, task(1))).toBe(true);
  thread.end(0);
  expect(thread.begin(2 ** 32 - 1, 0, task(2))).toBe(true);
  thread.end(0);
  expect(main.takeBack(3) >>> 0).toBe(0);
  expect(thread.begin(0, 0, task(3))).toBe(false);
  expect(thread.begin(3, 0, task(4))).toBe(true);
});

test("an attempt that was told to end hears why at its end; the first reason counts", () => {
  const { main, thread } = twoSides();
  thread.begin(0, 0, task(1));
  const [running] = main.begun();
  expect(main.tellToEnd(running!, "timeout")).toBe(true);
  expect(main.tellToEnd(running!, "cancelled")).toBe(true);
  expect(main.begun()).toMatchObject([{ id: 1, ending: "timeout" }]);
  expect(thread.end(0)).toBe("timeout");
});

test("what is said of an attempt that has ended is not taken for the next one at its place", () => {
  const { main, thread } = twoSides();
  thread.begin(0, 0, task(1));
  const [first] = main.begun();
  thread.end(0);
  thread.begin(1, 0, task(1));
  expect(main.tellToEnd(first!, "cancelled")).toBe(false);
  expect(thread.end(0)).toBeUndefined();
});

test("one of both sees to it that somebody watches", () => {
  const { main, thread } = twoSides();
  expect([thread.watch(), thread.watch(), main.watch()]).toEqual([true, false, false]);
  main.unwatch();
  expect([main.watch(), thread.watch()]).toEqual([true, false]);
});
