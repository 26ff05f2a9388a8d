import { expect, test } from "vitest";
import type { MusterEvent, StateName, TaskEvent } from "../contracts/event.ts";
import { Progress } from "./progress.ts";

function taskEvent(id: number, state: StateName, facts: Partial<TaskEvent> = {}): TaskEvent {
  return { type: "task", at: 1000, id, name: "double", state, attempt: 1, ...facts };
}

function progressOf(...events: MusterEvent[]): Progress {
  const progress = new Progress();
  for (const event of events) progress.record(event);
  return progress;
}

test("counts a task in one place at a time", () => {
  const progress = progressOf(taskEvent(1, "Pending"), taskEvent(2, "Pending"), taskEvent(1, "Running"));
  expect([...progress.tasks]).toMatchObject([{ name: "double", submitted: 2, running: 1, done: 0 }]);

  progress.record(taskEvent(1, "Retrying"));
  expect([...progress.tasks]).toMatchObject([{ submitted: 2, running: 0, retried: 1 }]);

  progress.record(taskEvent(1, "Running", { attempt: 2 }));
  progress.record(taskEvent(1, "Success"));
  expect([...progress.tasks]).toMatchObject([{ submitted: 2, running: 0, retried: 1, done: 1 }]);
});

test("a task that is reported only at its end counts as submitted and done", () => {
  expect([...progressOf(taskEvent(7, "Success")).tasks]).toMatchObject([
    { submitted: 1, running: 0, done: 1 },
  ]);
});

test("nothing changes after the end of a task", () => {
  const progress = progressOf(taskEvent(1, "Success"), taskEvent(1, "Running"), taskEvent(1, "Failed"));
  expect([...progress.tasks]).toMatchObject([{ submitted: 1, running: 0, done: 1, failed: 0 }]);
  expect(progress.finishedTasks).toBe(1);
});

test("every end has its own counter", () => {
  const progress = progressOf(
    taskEvent(1, "Failed"),
    taskEvent(2, "Crashed"),
    taskEvent(3, "Cancelled"),
    taskEvent(4, "UpstreamFailed"),
  );
  expect([...progress.tasks]).toMatchObject([{ failed: 1, crashed: 1, cancelled: 1, skipped: 1, done: 0 }]);
  // The others did not run: they count for no rate.
  expect(progress.finishedTasks).toBe(2);
});

test("names keep the order in which they appeared", () => {
  const progress = progressOf(
    taskEvent(1, "Pending", { name: "b" }),
    taskEvent(2, "Pending", { name: "a" }),
    taskEvent(3, "Pending", { name: "b" }),
  );
  expect([...progress.tasks].map((task) => task.name)).toEqual(["b", "a"]);
});

test("task ids far beyond the first thousand are kept apart", () => {
  const progress = progressOf(
    taskEvent(5_000_000, "Running"),
    taskEvent(5_000_001, "Running"),
    taskEvent(3, "Pending"),
  );
  expect([...progress.tasks]).toMatchObject([{ submitted: 3, running: 2 }]);
});

test("the rate is of finished tasks between the first submission and the last end", () => {
  const progress = progressOf(taskEvent(1, "Pending", { at: 1000 }), taskEvent(2, "Pending", { at: 1000 }));
  expect(progress.tasksPerSecond).toBe(0);
  progress.record(taskEvent(1, "Success", { at: 1250 }));
  progress.record(taskEvent(2, "Failed", { at: 1500 }));
  expect(progress.taskSpanMs).toBe(500);
  expect(progress.tasksPerSecond).toBe(4);
});

test("workers are counted by state, and the lost apart from those that were meant to go", () => {
  const progress = progressOf(
    { type: "worker", at: 1, worker: "w-1", state: "launching" },
    { type: "worker", at: 2, worker: "w-1", state: "booting" },
    { type: "worker", at: 3, worker: "w-1", state: "ready", slots: 2, bootMs: 2 },
    { type: "worker", at: 3, worker: "w-2", state: "booting" },
  );
  expect(progress.workers).toMatchObject({ launching: 0, booting: 1, ready: 1, slots: 2 });

  progress.record({ type: "worker", at: 4, worker: "w-1", state: "draining" });
  expect(progress.workers).toMatchObject({ ready: 0, draining: 1, slots: 0 });

  progress.record({ type: "worker", at: 5, worker: "w-1", state: "gone", expected: true });
  progress.record({ type: "worker", at: 5, worker: "w-2", state: "gone", reason: "exit code 1" });
  expect(progress.workers).toEqual({
    launching: 0,
    booting: 0,
    ready: 0,
    draining: 0,
    left: 1,
    lost: 1,
    slots: 0,
  });
});

test("the cluster's boot and teardown are kept, and the flow's clock stops at its end", () => {
  const flow = { type: "flow", flowName: "f", flowRunId: "run-1" } as const;
  const cluster = { type: "cluster", cluster: "LocalCluster" } as const;
  const progress = progressOf(
    { ...flow, at: 100, state: "Running" },
    { ...cluster, at: 100, state: "starting" },
    { ...cluster, at: 185, state: "ready", durationMs: 85 },
  );
  expect(progress.elapsedMs(400)).toBe(300);
  progress.record({ ...cluster, at: 500, state: "closed", durationMs: 12 });
  progress.record({ ...flow, at: 600, state: "Success" });
  expect(progress.elapsedMs(9000)).toBe(500);
  expect(progress.cluster).toEqual({ name: "LocalCluster", state: "closed", bootMs: 85, teardownMs: 12 });
});

test("the version tells whether anything changed", () => {
  const progress = new Progress();
  progress.record({ type: "log", at: 1, level: "info", message: "hello" });
  expect(progress.version).toBe(0);
  progress.record(taskEvent(1, "Pending"));
  expect(progress.version).toBe(1);
});
