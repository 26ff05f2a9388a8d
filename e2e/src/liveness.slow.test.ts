import { flow, task } from "@muster/core";
import { expect, test } from "vitest";
import { Child } from "./support/child.ts";
import { localWorkers } from "./support/clusters.ts";
import { Recorder } from "./support/events.ts";

const spin = task("spin", (ms: number) => {
  const end = Date.now() + ms;
  while (Date.now() < end);
  return process.pid;
});

test("a worker with a busy loop in all its threads still gives signs of life", async () => {
  const recorder = new Recorder();
  const executor = localWorkers(
    { workers: 1, threadsPerWorker: 2 },
    { heartbeatMs: 200, workerTimeoutMs: 3000 },
  );
  const state = await flow({ name: "spinning", executor }, () => spin.map([10_000, 10_000])).run({
    onEvent: recorder.onEvent,
  });
  const [one, two] = state.unwrap();
  expect(one).toBe(two);
  expect(recorder.lostWorkers()).toEqual([]);
  expect(recorder.states("spin")).not.toContain("Retrying");
});

test("a driver whose own code blocks its thread loses no worker, and none gives it up", async () => {
  await using child = Child.fixture("blocks.ts", ["15000"]);
  const { exitCode, stdout, stderr } = await child.ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(JSON.parse(stdout)).toEqual({ sameWorkers: true, lost: [], duringBlock: 20 });
});
