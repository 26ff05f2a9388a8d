import picocolors from "picocolors";
import { expect, test } from "vitest";
import { SimulatedClock } from "../base/clock.ts";
import type { MusterEvent, TaskEvent } from "../contracts/event.ts";
import { Progress } from "../events/progress.ts";
import { PlainProgress } from "./plain-progress.ts";

function plainProgress() {
  const lines: string[] = [];
  const clock = new SimulatedClock();
  const progress = new Progress();
  const printer = new PlainProgress({
    progress,
    clock,
    logLevel: "info",
    colors: picocolors.createColors(false),
    writeLine: (line) => lines.push(line.replace(/^\d\d:\d\d:\d\d /, "")),
  });
  const record = (event: MusterEvent): void => {
    progress.record(event);
    printer.record(event);
  };
  const task = (id: number, state: TaskEvent["state"], facts: Partial<TaskEvent> = {}): void =>
    record({ type: "task", at: 0, id, name: "hash", state, attempt: 1, ...facts });
  return { lines, clock, record, task, printer };
}

test("tasks give lines that come ever more slowly, and none while nothing changes", async () => {
  const { lines, clock, task } = plainProgress();
  for (let id = 1; id <= 100; id++) task(id, "Pending");
  for (let id = 1; id <= 40; id++) task(id, "Running");
  await clock.advance(900);
  expect(lines).toEqual([]);
  await clock.advance(100);
  expect(lines).toEqual(["hash 0/100  40 running · workers: no cluster"]);
  await clock.advance(20_000);
  expect(lines).toHaveLength(1);
  const times: number[] = [];
  for (let second = 0; second < 60; second++) {
    const before = lines.length;
    task(1000 + second, "Pending");
    await clock.advance(1000);
    if (lines.length > before) times.push(second);
  }
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  expect(gaps.length).toBeGreaterThan(4);
  expect(gaps).toEqual([...gaps].sort((a, b) => a - b));
});

test("after half a minute of silence there is a line that says what has run longest", async () => {
  const { lines, clock, task, printer } = plainProgress();
  task(1, "Running");
  await clock.advance(5000);
  task(17, "Running", { name: "slow" });
  task(1, "Success");
  await clock.advance(5000);
  expect(lines).toHaveLength(2);
  await clock.advance(60_000);
  expect(lines).toHaveLength(3);
  expect(lines[2]).toMatch(/ · slow#17 has run longest: 3\d\.\d s$/);
  printer[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});

test("the cluster, a lost worker and a failed task are told at once", () => {
  const { lines, record, task } = plainProgress();
  record({ type: "cluster", at: 0, cluster: "LocalCluster", state: "ready", durationMs: 85 });
  record({ type: "worker", at: 0, worker: "w-1", state: "gone", reason: "exit code 1" });
  record({ type: "worker", at: 0, worker: "w-2", state: "gone", expected: true });
  task(3, "Failed", { message: "no such file" });
  expect(lines).toEqual([
    "cluster LocalCluster ready (85 ms)",
    "worker w-1 lost: exit code 1",
    "hash#3 failed: no such file",
  ]);
});

test("a thousand failures are not a thousand lines", async () => {
  const { lines, clock, task } = plainProgress();
  for (let id = 1; id <= 1000; id++) task(id, "Failed", { message: "no" });
  await clock.advance(1000);
  expect(lines).toHaveLength(6);
  expect(lines.at(-1)).toContain("hash 1,000/1,000  1,000 failed");
});

test("log lines are printed from the wanted level on", () => {
  const { lines, record } = plainProgress();
  record({ type: "log", at: 0, level: "debug", message: "details" });
  record({
    type: "log",
    at: 0,
    level: "warn",
    message: "slow",
    task: "hash",
    taskRun: 7,
    worker: "w-2",
    data: { ms: 5 },
  });
  expect(lines).toEqual(["warn  hash#7 (w-2): slow { ms: 5 }"]);
});

test("nothing is left to fire after the end", () => {
  const { clock, task, printer } = plainProgress();
  task(1, "Pending");
  printer[Symbol.dispose]();
  expect(clock.pending).toBe(0);
});
