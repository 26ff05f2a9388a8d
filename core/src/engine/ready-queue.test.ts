import fc from "fast-check";
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
  queue.unshift(engineTask(3, { priority: 0, rank: 1 }));
  queue.unshift(engineTask(4, { priority: -7 }));
  expect(emptied(queue)).toEqual([2, 3, 1, 4]);
});

test("among equal priorities the deeper first, so that what was begun is finished before more is begun", () => {
  const queue = new ReadyQueue();
  const ranks = [
    [0, 1],
    [0, 3],
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 1],
  ] as const;
  for (const [index, [priority, depth]] of ranks.entries())
    queue.push(engineTask(index + 1, { priority, depth }));
  expect(emptied(queue)).toEqual([6, 2, 5, 4, 1, 3]);
});

test("of any number of priorities and depths that come and go, the first is always the right one", () => {
  const rank = fc.record({
    priority: fc.integer({ min: -2, max: 2 }),
    depth: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(fc.option(rank)), (steps) => {
      const queue = new ReadyQueue();
      let waiting: ReturnType<typeof engineTask>[] = [];
      for (const [id, step] of steps.entries()) {
        if (step === null) {
          const [first] = [...waiting].sort(
            (a, b) => b.priority - a.priority || b.depth - a.depth || a.id - b.id,
          );
          expect(queue.shift()).toBe(first);
          waiting = waiting.filter((task) => task !== first);
        } else {
          const task = engineTask(id, step);
          waiting.push(task);
          queue.push(task);
        }
        expect(queue.size).toBe(waiting.length);
      }
    }),
  );
});

test("among equals by rank: what was submitted later but belongs to what came first goes with it", () => {
  const queue = new ReadyQueue();
  for (const [index, rank] of [1, 2, 3, 1, 2, 3].entries()) queue.push(engineTask(index + 1, { rank }));
  const first = queue.shift()!;
  queue.unshift(first);
  expect(emptied(queue)).toEqual([1, 4, 2, 5, 3, 6]);
});

test("ranks in any order cost no more than their order", () => {
  const queue = new ReadyQueue();
  for (let id = 1; id <= 100; id++) queue.push(engineTask(id, { rank: 101 - id }));
  expect(emptied(queue).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
});

test("tells its size and its first task", () => {
  const queue = queueOf(0, 2);
  expect([queue.size, queue.peek()?.id]).toEqual([2, 2]);
  queue.shift();
  expect([queue.size, queue.peek()?.id]).toEqual([1, 1]);
  queue.clear();
  expect([queue.size, queue.peek(), queue.shift()]).toEqual([0, undefined, undefined]);
});
