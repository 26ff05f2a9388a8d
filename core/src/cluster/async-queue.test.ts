import { expect, test } from "vitest";
import { AsyncQueue } from "./async-queue.ts";

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const got: T[] = [];
  for await (const value of values) got.push(value);
  return got;
}

test("a reader gets what was sent before and after it came, until the close", async () => {
  const queue = new AsyncQueue<number>();
  queue.push(1);
  const reading = all(queue);
  queue.push(2);
  await Promise.resolve();
  queue.push(3);
  queue.close();
  queue.push(4);
  expect(await reading).toEqual([1, 2, 3]);
});

test("a signal closes it, also one that fired before", async () => {
  const controller = new AbortController();
  let closed = 0;
  const reading = all(AsyncQueue.until<number>(controller.signal, () => void closed++));
  controller.abort();
  expect(await reading).toEqual([]);
  expect(await all(AsyncQueue.until<number>(controller.signal, () => void closed++))).toEqual([]);
  expect(closed).toBe(2);
});

test("a reader that leaves closes it", async () => {
  let closed = 0;
  const queue = new AsyncQueue<number>(() => void closed++);
  queue.push(1);
  queue.push(2);
  for await (const _ of queue) break;
  expect(closed).toBe(1);
  expect(queue.size).toBe(0);
});
