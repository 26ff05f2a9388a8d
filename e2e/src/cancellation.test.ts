import { context, type Flow, flow, task } from "@muster/core";
import { describe, expect, test } from "vitest";
import { Child } from "./support/child.ts";
import { EXECUTORS, localWorkers } from "./support/clusters.ts";
import { Recorder } from "./support/events.ts";

const obedient = task("obedient", async () => {
  const { signal, logger } = context;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  logger.info(`told: ${signal.reason.code}`);
  return "cleaned up";
});
const deaf = task("deaf", (): never => {
  for (;;);
});
const tick = task("tick", async (ms: number) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return process.pid;
});

/** Runs the flow until its task of this name runs, then cancels it. */
async function cancelWhile<R>(name: string, self: Flow<undefined, R>) {
  const recorder = new Recorder();
  const controller = new AbortController();
  const running = self.run({ signal: controller.signal, onEvent: recorder.onEvent });
  await recorder.first("task", (event) => event.name === name && event.state === "Running");
  controller.abort(new Error("enough"));
  return { recorder, state: await running };
}

describe.each(EXECUTORS)("%s", (_name, executor) => {
  test("a cancelled run ends its tasks: the running ones are told, the waiting ones never start", async () => {
    const { recorder, state } = await cancelWhile(
      "obedient",
      flow({ name: "cancelled", executor: executor() }, () => {
        const first = obedient();
        return [first, tick.map(Array.from({ length: 50 }, () => 60_000)), obedient()];
      }),
    );
    expect(state).toMatchObject({
      name: "Cancelled",
      message: "The run was cancelled: the caller's signal was aborted.",
    });
    const ends = recorder.of("task").filter((event) => event.state === "Cancelled");
    expect(ends).toHaveLength(52);
    expect(recorder.of("task").map((event) => event.state)).not.toContain("Success");
    expect(recorder.taskLogs()[0]).toMatchObject({ message: "told: TASK_CANCELLED", task: "obedient" });
  });

  test("the flow's own function sees the cancel as well", async () => {
    const controller = new AbortController();
    const state = await flow({ name: "waits", executor: executor() }, async () => {
      const { signal } = context;
      const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
      controller.abort();
      await aborted;
    }).run({ signal: controller.signal });
    expect(state.name).toBe("Cancelled");
  });
});

test("after cancelGraceMs a task that does not listen loses its thread, even in a busy loop", async () => {
  const { recorder, state } = await cancelWhile(
    "deaf",
    flow({ name: "deaf", executor: localWorkers({ workers: 1 }, { cancelGraceMs: 50 }) }, () => deaf()),
  );
  expect(state.name).toBe("Cancelled");
  expect(recorder.states("deaf")).toEqual(["Pending", "Running", "Cancelled"]);
  expect(recorder.lostWorkers()).toEqual([]);
});

test("an executor cancels by itself, and takes no task after that", async () => {
  await using running = await localWorkers({ workers: 1 }).start();
  const waiting = running.submit(() => new Promise<never>(() => setInterval(() => {}, 1000)), []);
  running.cancel("it is over", { graceMs: 0 });
  await expect(waiting).rejects.toMatchObject({
    code: "TASK_CANCELLED",
    message: 'Task "anonymous" was cancelled: it is over',
  });
  await running.close();
  expect(() => running.submit(() => 1, [])).toThrow(/closed/);
});

test("two runs of one flow at once do not see each other", async () => {
  const twice = flow({ name: "twice", executor: localWorkers({ workers: 1 }) }, (n: number) => [
    tick(n),
    context.flowRunId,
  ]);
  const controller = new AbortController();
  const [one, two] = await Promise.all([
    twice.run({ parameters: 1 }),
    twice.run({ parameters: 2, signal: controller.signal }),
  ]);
  expect(one.unwrap()[1]).not.toBe(two.unwrap()[1]);
  expect(one.unwrap()[0]).not.toBe(two.unwrap()[0]);
});

test("the first Ctrl-C lets tasks clean up, the second ends them", async () => {
  await using child = Child.muster(["run", Child.pathOf("stubborn.ts")]);
  await child.printed(/task 1 waits/);
  child.kill("SIGINT");
  // It has a minute for that, and would take it.
  await child.printed(/task 1 cleans up/);
  child.kill("SIGINT");
  expect(await child.ended).toMatchObject({ exitCode: 130 });
  expect(child.processes()).toEqual([]);
});
