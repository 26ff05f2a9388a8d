import { expect, test } from "vitest";
import { MusterError } from "../base/errors.ts";
import { futureArray, MappedFuture, TaskFuture } from "./future.ts";
import { SchedulerRun } from "./scheduler.test.kit.ts";
import type { TaskRun } from "./task-run.ts";

/** Two runs, the second of which takes futures of the first. */
function twoRuns() {
  const [other, own] = [new SchedulerRun(), new SchedulerRun()];
  const future = (task: TaskRun) => new TaskFuture<unknown>(other.scheduler, task);
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn++) {
      await other.settle();
      await own.settle();
    }
  };
  return { other, own, future, settle };
}

test("a task runs once a task of another run that it depends on has ended, with its value", async () => {
  const { other, own, future, settle } = twoRuns();
  const source = other.task("source");
  const [first, second] = [own.task("first", [future(source)]), own.task("second", [[future(source)]])];
  await settle();
  expect(own.inEngine).toEqual([]);
  other.engine.succeed(source, { rows: 3 });
  await settle();
  expect(own.inEngine).toEqual([first.id, second.id]);
  expect(own.engine.inputs.get(first.id)).toEqual([{ rows: 3 }]);
  expect(own.engine.inputs.get(second.id)).toEqual([{ rows: 3 }]);
  expect(other.scheduler.unseenFailures()).toEqual([]);
});

test("and not if that failed, whose error is the cause, and which was looked at", async () => {
  const { other, own, future, settle } = twoRuns();
  const source = other.task("source");
  const dependent = own.task("dependent", [future(source)]);
  await settle();
  other.engine.fail(source, "the disk is full");
  await settle();
  expect([dependent.state, dependent.error?.message]).toEqual([
    "UpstreamFailed",
    'Task "dependent" did not run, since "source" did not succeed.',
  ]);
  expect(dependent.error?.cause).toBe(source.error);
  expect(other.scheduler.unseenFailures()).toEqual([]);
});

test("a run that is cancelled waits for no other run", async () => {
  const { other, own, future, settle } = twoRuns();
  const source = other.task("source");
  const later = other.scheduler.mapLater(other.fn("each"), [{ kind: "node", node: source }]);
  const dependent = own.task("dependent", [future(source)]);
  const mapped = own.scheduler.mapLater(own.fn("mapped"), [{ kind: "node", node: source }]);
  const twice = own.scheduler.mapLater(own.fn("twice"), [{ kind: "node", node: later }]);
  const list = own.scheduler.results([source]).catch((error: Error) => error.message);
  await settle();
  own.scheduler.cancelAll("enough");
  await settle();
  await own.scheduler.idle();
  expect([dependent, mapped, twice].map(({ state }) => state)).toEqual([
    "Cancelled",
    "Cancelled",
    "Cancelled",
  ]);
  expect(await list).toBe('Task "source" was cancelled: enough');

  other.engine.succeed(source, [1, 2]);
  await settle();
  expect(own.inEngine).toEqual([]);
  expect(mapped.children).toBeUndefined();
});

test("maps go over lists of other runs, element by element", async () => {
  const { other, own, settle } = twoRuns();
  const source = other.task("source");
  const each = new MappedFuture<number>(
    other.scheduler,
    other.scheduler.mapLater(other.fn("each"), [{ kind: "node", node: source }]),
  );
  const mapped = own.scheduler.mapLater(own.fn("mapped"), [{ kind: "node", node: TaskFuture.nodeOf(each) }]);
  await settle();
  other.engine.succeed(source, ["a", "b"]);
  await settle();
  const [first, second] = await each.elements();
  other.engine.succeed(TaskFuture.nodeOf(second!) as TaskRun, "B");
  await settle();
  // The second need not wait for the first.
  const children = mapped.children as readonly TaskRun[];
  expect(own.inEngine).toEqual([children[1]!.id]);
  expect(own.engine.inputs.get(children[1]!.id)).toEqual(["B"]);
  other.engine.fail(TaskFuture.nodeOf(first!) as TaskRun, "no a");
  await settle();
  expect(children[0]!.state).toBe("UpstreamFailed");
});

test("what went with its run says so, with the run and the task", async () => {
  const { other, own, future, settle } = twoRuns();
  const source = other.task("source");
  await settle();
  other.engine.succeed(source, "large");
  other.engine.unpack = () => {
    throw new MusterError("CLOSED", "The engine that kept it is closed.");
  };
  other.scheduler.close("the executor was closed");
  const sentence =
    'The result of task "source" went with the simulated run, which has ended. Await it before its run ends.';
  const dependent = own.task("dependent", [future(source)]);
  await settle();
  expect((dependent.error!.cause as Error).message).toBe(sentence);
  await expect(future(source)).rejects.toThrow(sentence);
  await expect(futureArray([future(source)])).rejects.toThrow(sentence);
});
