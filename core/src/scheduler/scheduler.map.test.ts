import { expect, test } from "vitest";
import type { MapSource } from "./map-source.ts";
import { SchedulerRun } from "./scheduler.test.kit.ts";
import type { Node, TaskRun } from "./task-run.ts";

const elements = (...values: unknown[]): MapSource => ({ kind: "elements", elements: values });
const node = (of: Node): MapSource => ({ kind: "node", node: of });
const same = (value: unknown): MapSource => ({ kind: "same", value });

test("a task an element, with the elements of each list in step and the rest the same for all", () => {
  const run = new SchedulerRun();
  const runs = run.scheduler.map(run.fn(), [elements(1, 2), same("x"), elements("a", "b")]);
  expect(runs.map(({ payload }) => payload)).toEqual([
    [1, "x", "a"],
    [2, "x", "b"],
  ]);
  expect(run.scheduler.map(run.fn(), [elements()])).toEqual([]);
});

test("lists of different lengths, and nothing to map over, are refused by name", () => {
  const run = new SchedulerRun();
  const map = (...sources: MapSource[]) => run.scheduler.map(run.fn("grow"), sources);
  expect(() => map(elements(1), elements(1, 2, 3))).toThrow(
    'Task "grow" was mapped over lists of different lengths: 1, 3.',
  );
  expect(() => map(same(1))).toThrow('Task "grow" was mapped over nothing');
});

test("a list that is known later is mapped as soon as it is there, and gives a list", async () => {
  const run = new SchedulerRun();
  const list = run.task("list");
  const gather = run.scheduler.mapLater(run.fn("each"), [node(list), same("x")]);
  await run.settle();
  run.engine.succeed(list, new Set(["a", "b"]));
  await run.settle();
  const children = gather.children as readonly TaskRun[];
  expect(children.map(({ payload }) => payload)).toEqual([
    ["a", "x"],
    ["b", "x"],
  ]);
  run.engine.succeed(children[1]!, "B");
  expect(gather.state).toBe("Pending");
  run.engine.succeed(children[0]!, "A");
  await expect(run.scheduler.result(gather)).resolves.toEqual(["A", "B"]);
  await run.scheduler.idle();
});

test("maps over maps run element by element: none waits for the whole list", async () => {
  const run = new SchedulerRun();
  const list = run.task("list");
  const first = run.scheduler.mapLater(run.fn("first"), [node(list)]);
  const second = run.scheduler.mapLater(run.fn("second"), [node(first)]);
  await run.settle();
  run.engine.succeed(list, [1, 2]);
  await run.settle();
  run.engine.succeed((first.children as readonly TaskRun[])[1]!, "from 2");
  await run.settle();
  const ahead = (second.children as readonly TaskRun[])[1]!;
  expect(run.inEngine).toContain(ahead.id);
  expect(run.engine.inputs.get(ahead.id)).toEqual(["from 2"]);
});

test("an empty list gives an empty list, and the run is idle", async () => {
  const run = new SchedulerRun();
  const list = run.task("list");
  const gather = run.scheduler.mapLater(run.fn("each"), [node(list)]);
  await run.settle();
  run.engine.succeed(list, []);
  await expect(run.scheduler.result(gather)).resolves.toEqual([]);
  await run.scheduler.idle();
});

test("the first element that fails fails the list, while the others go on", async () => {
  const run = new SchedulerRun();
  const tasks = [1, 2, 3].map((id) => run.task(`task-${id}`));
  const all = run.scheduler.results(tasks);
  const failed = expect(all).rejects.toMatchObject({ message: "error 2" });
  await run.settle();
  run.engine.fail(tasks[1]!);
  await failed;
  expect(run.inEngine).toEqual([1, 3]);
  for (const task of [tasks[0]!, tasks[2]!]) run.engine.succeed(task);
  await run.scheduler.idle();
  expect(run.scheduler.unseenFailures()).toEqual([]);
});

test("elements that have ended when the list is asked for count as well", async () => {
  const run = new SchedulerRun();
  const tasks = [1, 2, 3].map((id) => run.task(`task-${id}`));
  await run.settle();
  run.engine.succeed(tasks[0]!, "a");
  run.engine.fail(tasks[2]!);
  await expect(run.scheduler.results(tasks.slice(0, 1))).resolves.toEqual(["a"]);
  await expect(run.scheduler.results(tasks)).rejects.toMatchObject({ message: "error 3" });
});

test("a map over what failed, or over what is no list, fails with the reason and counts as unseen", async () => {
  const run = new SchedulerRun();
  const [bad, number] = [run.task("bad"), run.task("number")];
  const upstream = run.scheduler.mapLater(run.fn("each"), [node(bad)]);
  const further = run.scheduler.mapLater(run.fn("further"), [node(upstream)]);
  const noList = run.scheduler.mapLater(run.fn("over-number"), [node(number)]);
  await run.settle();
  run.engine.fail(bad, "the disk is full");
  run.engine.succeed(number, 5);
  await run.scheduler.idle();
  expect([upstream, further, noList].map(({ state }) => state)).toEqual([
    "UpstreamFailed",
    "UpstreamFailed",
    "Failed",
  ]);
  expect(noList.error!.message).toBe(
    'Task "over-number" was mapped over the result of "number", which is no iterable but number.',
  );
  const unseen = run.scheduler.unseenFailures().map(({ name }) => name);
  expect(unseen.sort()).toEqual(["further", "over-number"]);
});
