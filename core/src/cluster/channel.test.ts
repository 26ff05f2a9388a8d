import { expect, test } from "vitest";
import { Channel } from "./channel.ts";

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const got: T[] = [];
  for await (const value of values) got.push(value);
  return got;
}

test("a reader gets what was sent before and after it came, until the close", async () => {
  const channel = new Channel<number>();
  channel.push(1);
  const reading = all(channel);
  channel.push(2);
  await Promise.resolve();
  channel.push(3);
  channel.close();
  channel.push(4);
  expect(await reading).toEqual([1, 2, 3]);
});

test("a signal closes it, also one that fired before", async () => {
  const controller = new AbortController();
  let closed = 0;
  const reading = all(Channel.until<number>(controller.signal, () => void closed++));
  controller.abort();
  expect(await reading).toEqual([]);
  expect(await all(Channel.until<number>(controller.signal, () => void closed++))).toEqual([]);
  expect(closed).toBe(2);
});

test("a reader that leaves closes it", async () => {
  let closed = 0;
  const channel = new Channel<number>(() => void closed++);
  channel.push(1);
  channel.push(2);
  for await (const _ of channel) break;
  expect(closed).toBe(1);
  expect(channel.size).toBe(0);
});
