import { expect, test } from "vitest";
import { engineTask } from "./dispatcher.test.kit.ts";
import { ReadyQueue } from "./ready-queue.ts";

/** A queue with one task a priority, numbered from 1. */
function queueOf(...priorities: number[]): ReadyQueue {
  const queue = new ReadyQueue();
  for (const [index, priority] of priorities.entries()) queue.push(engineTask(index + 1, { priority }));
  return queue;
}

function emptied(queue: ReadyQueue): number[] {
  const ids: number[] = [];
  for (let task = queue.shift(); task !== undefined; task = queue.shift()) ids.push(task.id);
  return ids;
}

test("higher priorities first, and first in first out among equals", () => {
  expect(emptied(queueOf(0, 5, 0, -1, 5, 3.5))).toEqual([2, 5, 6, 1, 3, 4]);
});

test("a task that came back is before all of its priority, and behind higher ones", () => {
  const queue = queueOf(0, 1);
  queue.unshift(engineTask(3, { priority: 0 }));
  queue.unshift(engineTask(4, { priority: -7 }));
  expect(emptied(queue)).toEqual([2, 3, 1, 4]);
});

test("tells its size, its top priority and its first task", () => {
  const queue = queueOf(0, 2);
  expect([queue.size, queue.topPriority, queue.peek()?.id]).toEqual([2, 2, 2]);
  queue.shift();
  expect([queue.size, queue.topPriority, queue.peek()?.id]).toEqual([1, 0, 1]);
  queue.clear();
  expect([queue.size, queue.topPriority, queue.peek(), queue.shift()]).toEqual([
    0,
    Number.NEGATIVE_INFINITY,
    undefined,
    undefined,
  ]);
});
