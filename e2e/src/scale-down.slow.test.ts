import { expect, test } from "vitest";
import { localWorkers } from "./support/clusters.ts";
import { until } from "./support/left-behind.ts";
import { LogFile } from "./support/log-file.ts";

test("scaling down from 4 to 1 in the middle of 400 tasks of 200 ms starts none twice", async () => {
  await using file = await LogFile.make();
  await using running = await localWorkers({ workers: 4 }).start();
  const cluster = running.cluster!;
  await cluster.waitForWorkers(4);
  const log = async (path: string, word: number): Promise<void> => {
    const { appendFileSync } = await import("node:fs");
    appendFileSync(path, `${word} `);
    await new Promise((resolve) => setTimeout(resolve, 200));
  };
  const tasks = Array.from({ length: 400 }, (_, n) => running.submit(log, [file.path, n]));
  await until(() => file.words().length >= 200);
  cluster.scale(1);
  await running.wait(tasks);
  const started = file.words().map(Number);
  expect(started.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, n) => n));
});
