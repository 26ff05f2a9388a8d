import { appendFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Executor, flow, LocalExecutor, LocalPoolExecutor, task } from "@muster/core";
import { describe, expect, test } from "vitest";
import { EXECUTORS, localWorkers } from "./support/clusters.ts";
import { blobDirectoriesOf } from "./support/left-behind.ts";
import { LogFile } from "./support/log-file.ts";

/** One task at a time. */
const ONE_AT_A_TIME: readonly (readonly [name: string, make: () => Executor])[] = [
  ["LocalExecutor", () => new LocalExecutor()],
  ["LocalPoolExecutor of threads", () => new LocalPoolExecutor({ numWorkers: 1 })],
  ["LocalPoolExecutor of processes", () => new LocalPoolExecutor({ scheduler: "processes", numWorkers: 1 })],
  ["TemporaryClusterExecutor", () => localWorkers({ workers: 1 })],
];

const first = task("first", (log: string, word: string) => appendFileSync(log, `${word} `));
const second = task("second", (log: string, word: string) => appendFileSync(log, `${word} `));
const make = task("make", (log: string, bytes: number) => {
  appendFileSync(log, "make ");
  return new Uint8Array(bytes);
});
const use = task("use", (log: string, value: Uint8Array) => {
  appendFileSync(log, "use ");
  return value.length;
});
const half = task("half", (_log: string, value: Uint8Array) => value.slice(value.length / 2));
const both = task("both", (log: string, one: Uint8Array, other: Uint8Array) => {
  appendFileSync(log, "both ");
  return one.length + other.length;
});
const numbers = task("numbers", (count: number) => Array.from({ length: count }, (_, index) => index));
const config = task("config", (path: string) => path);

describe.each(ONE_AT_A_TIME)("%s", (_name, executor) => {
  test("tasks run in the order of submission from the first, whosever code is there first", async () => {
    await using log = await LogFile.make();
    const third = ({ path, word }: { path: string; word: string }) =>
      import("node:fs").then((fs) => fs.appendFileSync(path, `${word} `));
    const state = await flow({ name: "in-order", executor: executor() }, () => {
      // One that travels as source is there before those of a module.
      const inline = task("third", third);
      return ["1", "2", "3"].flatMap((round) => [
        first(log.path, `a${round}`),
        second(log.path, `b${round}`),
        inline({ path: log.path, word: `c${round}` }),
      ]);
    }).run();
    expect(state.name).toBe("Success");
    expect(log.words()).toEqual(["a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"]);
  });
});

const COUNT = 60;
const BYTES = 5 * 2 ** 20;

/** What lies in the directories for large values of this process. */
function storedBytes(): number {
  return blobDirectoriesOf(process.pid)
    .flatMap((directory) => readdirSync(directory).map((name) => join(directory, name)))
    .reduce((bytes, path) => bytes + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
}

/** The most that lay there while `run` ran. */
async function peakOf(run: Promise<unknown>): Promise<number> {
  let peak = 0;
  const look = setInterval(() => {
    peak = Math.max(peak, storedBytes());
  }, 2);
  await run;
  clearInterval(look);
  return peak;
}

describe.each(EXECUTORS)("%s", (_name, executor) => {
  test("of lists that are taken side by side the first elements are made first, and not the whole first list", async () => {
    await using log = await LogFile.make();
    const logs = new Array(COUNT).fill(log.path);
    const made = () => half.map(logs, make.map(logs, new Array(COUNT).fill(BYTES)));
    const run = flow({ name: "side-by-side", executor: executor() }, () =>
      both.map(logs, made(), make.map(logs, new Array(COUNT).fill(BYTES))),
    ).run();
    const peak = await peakOf(run);
    expect((await run).result).toEqual(new Array(COUNT).fill(BYTES + BYTES / 2));
    expect(peak).toBeLessThan(COUNT * BYTES);
    let ahead = 0;
    for (const word of log.words()) {
      if (word === "make") ahead++;
      if (word === "both") ahead -= 2;
      expect(ahead).toBeLessThan(24);
    }
  });

  test.each(["a list", "a list that is known later", "with what another task gave"] as const)(
    "what was begun is finished before more is begun: a map over a map of %s",
    async (of) => {
      await using log = await LogFile.make();
      const flowOf = flow({ name: "deep", executor: executor() }, () => {
        const path = of === "with what another task gave" ? config(log.path) : log.path;
        const sizes =
          of === "a list that is known later" ? sizesOf(numbers(COUNT)) : new Array(COUNT).fill(BYTES);
        return use.map(new Array(COUNT).fill(log.path), make.map(new Array(COUNT).fill(path), sizes));
      });
      const run = flowOf.run();
      const peak = await peakOf(run);
      expect((await run).result).toEqual(new Array(COUNT).fill(BYTES));
      const words = log.words();
      expect(words.filter((word) => word === "use")).toHaveLength(COUNT);
      // Long before the last is made the first is used, and at no time much more is made than used.
      let ahead = 0;
      for (const word of words) {
        ahead += word === "make" ? 1 : -1;
        expect(ahead).toBeLessThan(12);
      }
      expect(peak).toBeLessThan((COUNT / 2) * BYTES);
    },
  );
});
const sizesOf = task("sizes", (list: number[]) => list.map(() => BYTES));
