import { flow, task } from "@muster/core";
import { expect, test } from "vitest";
import { Child } from "./support/child.ts";
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

const size = task("size", (bytes: Uint8Array) => bytes.length);
const make = task("make", (length: number) => new Uint8Array(length));

test("a value of 512 MiB goes to a worker, to the next, and back", async () => {
  const length = 512 * 2 ** 20;
  const large = flow({ name: "large", executor: localWorkers({ workers: 2 }) }, async () => {
    const made = make(length);
    const sizes = await size.map([made, made, new Uint8Array(length)]);
    return [...sizes, (await made).length];
  });
  expect((await large.run()).unwrap()).toEqual([length, length, length, length]);
});

test("a million futures in one flow need less than 1.5 GiB in the driver", async () => {
  await using child = Child.fixture("million.ts", ["1000000"]);
  const { exitCode, stdout, stderr } = await child.ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const { sum, peakRssBytes, bytesPerTask } = JSON.parse(stdout);
  console.log(
    `${bytesPerTask} bytes a task, at most ${Math.round(peakRssBytes / 2 ** 20)} MiB in the driver`,
  );
  expect(sum).toBe(1_000_000);
  expect(peakRssBytes).toBeLessThan(1.5 * 2 ** 30);
});
