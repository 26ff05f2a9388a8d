import { expect, test } from "vitest";
import { futureArray, MappedFuture, nodesOf, TaskFuture } from "./future.ts";
import { SchedulerRun } from "./scheduler.test.kit.ts";
import type { TaskRun } from "./task-run.ts";

/** Tasks that the engine has, and a future of each. */
async function futures<T>(count: number) {
  const run = new SchedulerRun();
  const tasks = Array.from({ length: count }, (_, index) => run.task(`task-${index + 1}`));
  await run.settle();
  return { run, tasks, list: futureArray(tasks.map((task) => new TaskFuture<T>(run.scheduler, task))) };
}

test("awaiting a future gives the value, and the same object to everybody who asks", async () => {
  const { run, tasks, list } = await futures<object>(1);
  const before = list[0]!.then((value) => value);
  run.engine.succeed(tasks[0]!, { rows: 3 });
  const value = await list[0];
  expect(value).toEqual({ rows: 3 });
  expect(await before).toBe(value);
});

test("awaiting the future of a task that failed throws its error, and then it was seen", async () => {
  const { run, tasks, list } = await futures(1);
  run.engine.fail(tasks[0]!, "the disk is full");
  await expect(list[0]).rejects.toThrow("the disk is full");
  await expect(list[0]!.then(undefined, (error) => (error as Error).message)).resolves.toBe(
    "the disk is full",
  );
  expect(run.scheduler.unseenFailures()).toEqual([]);
});

test("a future that is taken for its value says so", async () => {
  const { list } = await futures<number>(1);
  const value = list[0] as unknown as number;
  for (const taken of [() => value + 1, () => `${value}`, () => Number(value), () => value < 2])
    expect(taken).toThrow('A future of the task "task-1" was used as if it were its value.');
});

test("a list of futures is awaited as a whole, in order, and one of none at once", async () => {
  const { run, tasks, list } = await futures(3);
  for (const task of tasks.toReversed()) run.engine.succeed(task, task.id * 10);
  expect(await list).toEqual([10, 20, 30]);
  expect(await futureArray([])).toEqual([]);
});

test("a list of futures is an array: what is made of it is a plain one", async () => {
  const { list } = await futures(3);
  expect(list).toHaveLength(3);
  for (const made of [list.map((_, index) => index), list.filter(() => true), list.slice(1)]) {
    expect(made).toBeInstanceOf(Array);
    expect(made.constructor).toBe(Array);
  }
});

test("the node behind a future, the nodes behind a list, and nothing behind anything else", async () => {
  const { tasks, list } = await futures(2);
  expect(nodesOf(list[0]!)).toBe(tasks[0]);
  expect(nodesOf(list)).toEqual(tasks);
  expect(nodesOf(tasks[0]!)).toBe(tasks[0]);
  expect(nodesOf([list[0]!])).toBeUndefined();
  expect(nodesOf({})).toBeUndefined();
});

async function mapped() {
  const { run, tasks } = await futures(1);
  const gather = run.scheduler.mapLater(run.fn("each"), [{ kind: "node", node: tasks[0]! }]);
  return { run, source: tasks[0]!, gather, future: new MappedFuture<string>(run.scheduler, gather) };
}

test("a map whose length is known later gives a future an element once it is known, before any has ended", async () => {
  const { run, source, gather, future } = await mapped();
  const all = future.elements();
  await run.settle();
  run.engine.succeed(source, ["a", "b"]);
  const elements = await all;
  expect(elements.map((element) => nodesOf(element))).toEqual(gather.children);
  await run.settle();
  for (const child of gather.children as readonly TaskRun[]) run.engine.succeed(child, `did ${child.id}`);
  expect(await elements[1]).toBe("did 3");
  expect(await future).toEqual(["did 2", "did 3"]);
});

test("a map whose source failed throws that when its elements are asked for", async () => {
  const { run, source, future } = await mapped();
  const failed = expect(future.elements()).rejects.toMatchObject({ code: "UPSTREAM_FAILED" });
  await run.settle();
  run.engine.fail(source);
  await failed;
});
