import { expect, test } from "vitest";
import { RunList } from "./run-list.ts";
import { SchedulerRun } from "./scheduler.test.kit.ts";
import { TaskRun } from "./task-run.ts";

function runs(count: number): TaskRun[] {
  const run = new SchedulerRun();
  const fn = run.fn();
  return Array.from({ length: count }, (_, id) => new TaskRun(run.scheduler, fn, { id: id + 1, depth: 0 }));
}

function listOf(members: readonly TaskRun[]): RunList {
  const list = new RunList();
  for (const run of members) list.add(run);
  return list;
}

const ids = (list: RunList): number[] => [...list].map(({ id }) => id);

test("runs keep the order in which they were added, whichever of them are removed", () => {
  for (const [removed, left] of [
    [[1], [2, 3, 4]],
    [[4], [1, 2, 3]],
    [
      [2, 3],
      [1, 4],
    ],
    [[1, 4, 2], [3]],
    [[3, 1, 2, 4], []],
  ] as const) {
    const members = runs(4);
    const list = listOf(members);
    for (const id of removed) list.delete(members[id - 1]!);
    expect(ids(list)).toEqual(left);
    expect(list.size).toBe(left.length);
  }
});

test("a list that was emptied can be used again, also for the same runs", () => {
  const members = runs(2);
  const list = listOf(members);
  for (const run of members) list.delete(run);
  for (const run of members.toReversed()) list.add(run);
  expect(ids(list)).toEqual([2, 1]);
});

test("the run that it is at may be removed meanwhile", () => {
  const members = runs(4);
  const list = listOf(members);
  const seen: number[] = [];
  for (const run of list) {
    seen.push(run.id);
    list.delete(run);
  }
  expect(seen).toEqual([1, 2, 3, 4]);
  expect(list.size).toBe(0);
});
