import { expect, test } from "vitest";
import { type Holding, Holdings } from "./holding.ts";
import { collectGarbage } from "./scheduler.test.kit.ts";

test("futures share holdings, some hundred each, and those whose futures are gone are seen to be", async () => {
  const holdings = new Holdings();
  let futures: Holding[] | undefined = Array.from({ length: 1000 }, () => holdings.next());
  const refs = [...new Set(futures)].map(({ ref }) => ref);
  expect(refs).toHaveLength(4);
  futures = futures.slice(-1);
  await collectGarbage();
  expect(refs.map((ref) => ref.deref() !== undefined)).toEqual([false, false, false, true]);
  expect(futures).toHaveLength(1);
  futures = undefined;
  await collectGarbage();
  expect(refs.at(-1)!.deref()).toBeUndefined();
});
