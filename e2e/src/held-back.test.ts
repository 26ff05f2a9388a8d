import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import { type Executor, flow, LocalPoolExecutor, task } from "@muster/core";
import { describe, expect, test } from "vitest";
import { localWorkers } from "./support/clusters.ts";
import { LogFile } from "./support/log-file.ts";

const SHORT = 400;

/** One thread runs all, so that what is short lies before what is not. */
const ONE_THREAD: readonly (readonly [name: string, make: () => Executor])[] = [
  ["LocalPoolExecutor of threads", () => new LocalPoolExecutor({ numWorkers: 1, cancelGraceMs: 100 })],
  [
    "LocalPoolExecutor of processes",
    () => new LocalPoolExecutor({ scheduler: "processes", numWorkers: 1, cancelGraceMs: 100 }),
  ],
  ["TemporaryClusterExecutor", () => localWorkers({ workers: 1 }, { cancelGraceMs: 100 })],
];

type Last = "until-released" | "for-ever" | "exit" | undefined;

/** Takes a moment, but for what its last one is told: nobody can know before that it will. */
const work = task({ name: "work", timeout: 1000 }, (log: string, index: number, last?: Last) => {
  appendFileSync(log, `${index} `);
  if (last === "exit") process.exit(1);
  while (last === "for-ever" || (last === "until-released" && !existsSync(`${log}.released`)));
  return index;
});

function lastOf(index: number, last: Last): Last {
  return index === SHORT ? last : undefined;
}

describe.each(ONE_THREAD)("%s", (_name, executor) => {
  test("what ended is told while what follows keeps its thread busy, though it was taken to be short", async () => {
    await using log = await LogFile.make();
    const state = await flow({ name: "busy", executor: executor() }, async () => {
      // Its duration is known now.
      await Promise.all(Array.from({ length: 50 }, (_, index) => work(log.path, index)));
      const all = Array.from({ length: SHORT + 1 }, (_, index) =>
        work(log.path, index, lastOf(index, "until-released")),
      );
      await Promise.all(all.slice(0, SHORT));
      writeFileSync(`${log.path}.released`, "");
      return all.at(-1);
    }).run();
    expect(state).toMatchObject({ name: "Success", result: SHORT });
  });

  test.each(["for-ever", "exit"] as const)(
    "what ended before a thread that ends (%s) does not run again",
    async (how) => {
      await using log = await LogFile.make();
      const state = await flow({ name: how, executor: executor() }, async () => {
        const all = Array.from({ length: SHORT + 1 }, (_, index) =>
          work(log.path, index, lastOf(index, how)),
        );
        const ends = await Promise.allSettled(all);
        return ends.map(({ status }) => status);
      }).run();
      const ends = state.result as unknown as string[];
      expect(ends).toEqual([...new Array(SHORT).fill("fulfilled"), "rejected"]);
      const begun = log.words().filter((index) => index !== String(SHORT));
      expect(begun).toHaveLength(SHORT);
      expect(new Set(begun).size).toBe(SHORT);
    },
  );
});
