import { expect, test } from "vitest";
import { LineLog } from "./line-log.ts";

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const got: string[] = [];
  for await (const line of lines) got.push(line);
  return got;
}

test("a follower gets the lines that are kept, then those that come", async () => {
  const log = new LineLog(2);
  for (const line of ["a", "b", "c"]) log.append(line);
  const following = all(log.follow());
  for (const line of ["d", "e", "f"]) log.append(line);
  log.end();
  expect(await following).toEqual(["b", "c", "d", "e", "f"]);
  expect(log.last(5)).toEqual(["e", "f"]);
  expect(await all(log.follow())).toEqual(["e", "f"]);
});

test("a burst of many more lines than are kept reaches a follower in full", async () => {
  const log = new LineLog(10);
  const following = all(log.follow());
  const lines = Array.from({ length: 5_000 }, (_, index) => `line ${index}`);
  for (const line of lines) log.append(line);
  log.end();
  expect(await following).toEqual(lines);
});

test("a signal ends a follower alone", async () => {
  const log = new LineLog();
  const controller = new AbortController();
  const stopped = all(log.follow(controller.signal));
  const other = all(log.follow());
  log.append("a");
  controller.abort();
  log.append("b");
  log.end();
  expect(await stopped).toEqual(["a"]);
  expect(await other).toEqual(["a", "b"]);
});
