import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { type Holding, Holdings } from "./holding.ts";

async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  // What a turn has looked at through a weak reference lives until its end.
  await new Promise(setImmediate);
  (runInNewContext("gc") as () => void)();
}

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
