import { expect, test } from "vitest";
import { TaskFuture } from "./future.ts";
import { collectGarbage, SchedulerRun } from "./scheduler.test.kit.ts";
import type { GatherRun, TaskRun } from "./task-run.ts";

/* ------------------------------------------------------------------------------------------------ dependencies */

test("tasks of one turn go to the engine together, in the order of submission", async () => {
  const run = new SchedulerRun();
  for (const name of ["a", "b", "c"]) run.task(name);
  expect(run.engine.submitted).toEqual([]);
  await run.settle();
  expect(run.engine.submitted).toEqual([[1, 2, 3]]);
});

test("a task waits for its dependencies, and gets their values", async () => {
  const run = new SchedulerRun();
  const [a, b] = [run.task("a"), run.task("b")];
  const sum = run.task("sum", [a, [b]]);
  await run.settle();
  run.engine.succeed(a, 1);
  await run.settle();
  expect(run.inEngine).toEqual([b.id]);
  run.engine.succeed(b, 2);
  await run.settle();
  expect(run.engine.inputs.get(sum.id)).toEqual([1, 2]);
  run.engine.succeed(sum, 3);
  await expect(run.scheduler.result(sum)).resolves.toBe(3);
});

test("a diamond runs its tip once, when both sides are done", async () => {
  const run = new SchedulerRun();
  const top = run.task("top");
  const [left, right] = [run.task("left", [top]), run.task("right", [top])];
  const tip = run.task("tip", [left, right, left]);
  for (const step of [[top], [left, right], [tip]]) {
    await run.settle();
    expect(run.inEngine).toEqual(step.map(({ id }) => id));
    for (const task of step) run.engine.succeed(task);
  }
  await run.scheduler.idle();
  expect(run.engine.submitted.flat()).toEqual([1, 2, 3, 4]);
  expect(run.scheduler.failed).toEqual([]);
});

test("a task whose dependencies have ended already does not wait", async () => {
  const run = new SchedulerRun();
  const [good, bad] = [run.task("good"), run.task("bad")];
  await run.settle();
  run.engine.succeed(good);
  run.engine.fail(bad);
  const [after, never] = [run.task("after", [good]), run.task("never", [good, bad])];
  await run.settle();
  expect(run.inEngine).toEqual([after.id]);
  expect(never.state).toBe("UpstreamFailed");
});

test("a failure reaches what depends on it with its cause, and nothing else", async () => {
  const run = new SchedulerRun();
  const [bad, other] = [run.task("bad"), run.task("other")];
  const child = run.task("child", [bad]);
  const grandchild = run.task("grandchild", [child]);
  await run.settle();
  run.engine.fail(bad, "the disk is full");
  expect([bad, child, grandchild, other].map(({ state }) => state)).toEqual([
    "Failed",
    "UpstreamFailed",
    "UpstreamFailed",
    "Pending",
  ]);
  expect(grandchild.error).toMatchObject({
    code: "UPSTREAM_FAILED",
    message: 'Task "grandchild" did not run, since "child" did not succeed.',
    cause: { cause: { message: "the disk is full" } },
  });
  expect(run.failures).toEqual(["bad"]);
  await expect(run.scheduler.result(bad)).rejects.toThrow("the disk is full");
});

test("the end of a chain of 50,000 fails with its start", async () => {
  const run = new SchedulerRun();
  const fn = run.fn();
  const first = run.scheduler.submit(fn, []);
  let last: TaskRun = first;
  for (let length = 1; length < 50_000; length++) last = run.scheduler.submit(fn, [last]);
  await run.settle();
  run.engine.fail(first);
  expect(last.state).toBe("UpstreamFailed");
  await run.scheduler.idle();
});

/* ----------------------------------------------------------------------------------------------------- retries */

test("a task that throws is tried again after each delay, until its retries are spent", async () => {
  const run = new SchedulerRun();
  const asked: number[] = [];
  const retryDelay = (attempt: number): number => {
    asked.push(attempt);
    return attempt * 100;
  };
  const task = run.task("flaky", [], { retries: 2, retryDelay });
  await run.settle();
  for (const delayMs of [100, 200]) {
    run.engine.fail(task);
    expect(task.state).toBe("Retrying");
    await run.clock.advance(delayMs - 1);
    expect(run.inEngine).toEqual([]);
    await run.clock.advance(1);
    expect(run.inEngine).toEqual([task.id]);
  }
  run.engine.fail(task, "for the third time");
  expect(run.states(task)).toEqual(["Pending", "Retrying", "Retrying", "Failed"]);
  expect(asked).toEqual([1, 2]);
  await expect(run.scheduler.result(task)).rejects.toThrow("for the third time");
});

test("a task that succeeds when it is tried again is a success, and nobody downstream noticed", async () => {
  const run = new SchedulerRun();
  const task = run.task("flaky", [], { retries: 1 });
  const child = run.task("child", [task]);
  await run.settle();
  run.engine.begin(task);
  run.engine.fail(task);
  await run.settle();
  run.engine.begin(task);
  run.engine.succeed(task);
  await run.settle();
  run.engine.succeed(child);
  expect(run.states(task)).toEqual(["Pending", "Running", "Retrying", "Running", "Success"]);
  expect(run.events.filter(({ id }) => id === task.id).map(({ attempt }) => attempt)).toEqual([
    0, 1, 1, 2, 2,
  ]);
  expect(run.scheduler.unseenFailures()).toEqual([]);
});

test("a timeout uses up a retry, and says how long the task was given", async () => {
  const run = new SchedulerRun();
  const task = run.task("slow", [], { retries: 1, timeoutMs: 250 });
  await run.settle();
  run.engine.report(task, "timeout");
  await run.settle();
  run.engine.report(task, "timeout");
  expect(task).toMatchObject({ state: "Failed", error: { code: "TASK_TIMEOUT", timeoutMs: 250 } });
});

test("a retryDelay that throws fails its own task and no other", async () => {
  const run = new SchedulerRun();
  const retryDelay = (): number => {
    throw new Error("no such attempt");
  };
  const [task, other] = [run.task("odd", [], { retries: 1, retryDelay }), run.task("other")];
  await run.settle();
  run.engine.fail(task, "the disk is full");
  run.engine.succeed(other);
  expect([task.state, other.state]).toEqual(["Failed", "Success"]);
  expect(task.error!.message).toContain("the disk is full");
  expect(task.error!.message).toContain("no such attempt");
  await run.scheduler.idle();
});

test("a report of an attempt that was given up is dropped, and so is a second one", async () => {
  const run = new SchedulerRun();
  const task = run.task("flaky", [], { retries: 1 });
  await run.settle();
  run.engine.fail(task);
  run.engine.report(task, "success", { attempt: 1, value: "between the attempts" });
  await run.settle();
  run.engine.report(task, "success", { attempt: 1, value: "from the first attempt" });
  expect(task.state).toBe("Retrying");
  run.engine.succeed(task, "from the second attempt");
  run.engine.report(task, "failure", { attempt: 2, error: new Error("too late") });
  run.scheduler.listener.started([{ task, attempt: 2, worker: "w-1" }]);
  await expect(run.scheduler.result(task)).resolves.toBe("from the second attempt");
  expect(run.states(task)).toEqual(["Pending", "Retrying", "Success"]);
});

/* ------------------------------------------------------------------------------------------------ lost workers */

test("an attempt that is lost after it started uses up workerLostRetries, not retries", async () => {
  const run = new SchedulerRun();
  const task = run.task("unlucky", [], { retries: 5, workerLostRetries: 2 });
  for (let loss = 1; loss <= 3; loss++) {
    await run.settle();
    run.engine.lose(task, { started: true });
  }
  expect(run.states(task)).toEqual(["Pending", "Retrying", "Retrying", "Crashed"]);
  expect(task.error).toMatchObject({ code: "WORKER_LOST", attempts: 3, reason: "killed by SIGKILL" });
  expect(task.error!.message).toContain("the last line");
  expect(run.failures).toEqual(["unlucky"]);
});

test("an attempt that is lost before it started costs nothing, and is not sent ahead of need again", async () => {
  const run = new SchedulerRun();
  const task = run.task("patient", [], { workerLostRetries: 0 });
  for (let loss = 0; loss < 10; loss++) {
    await run.settle();
    expect(task.alone).toBe(loss > 0);
    run.engine.lose(task, { started: false });
  }
  await run.settle();
  run.engine.succeed(task);
  expect(run.states(task)).toEqual(["Pending", "Success"]);
  expect(task.attempt).toBe(11);
});

test("one of many that may have ended their worker is charged with it once it ends the next one alone", async () => {
  const run = new SchedulerRun();
  const task = run.task("killer", [], { workerLostRetries: 2 });
  for (const started of ["perhaps", true, true] as const) {
    await run.settle();
    run.engine.lose(task, { started });
  }
  expect(task).toMatchObject({ state: "Crashed", attempt: 3 });
  const innocent = run.task("innocent", [], { workerLostRetries: 0 });
  await run.settle();
  run.engine.lose(innocent, { started: "perhaps" });
  await run.settle();
  run.engine.succeed(innocent);
  expect(innocent.state).toBe("Success");
});

test("an attempt that was seen to run had started, whatever its loss says", async () => {
  const run = new SchedulerRun();
  const task = run.task("work", [], { workerLostRetries: 0 });
  await run.settle();
  run.engine.begin(task);
  run.engine.lose(task, { started: false });
  expect(run.states(task)).toEqual(["Pending", "Running", "Crashed"]);
});

test("a failure after a loss has all its retries, and the other way round", async () => {
  const run = new SchedulerRun();
  const task = run.task("work", [], { retries: 1, workerLostRetries: 1 });
  await run.settle();
  run.engine.lose(task, { started: true });
  await run.settle();
  run.engine.fail(task);
  await run.settle();
  expect(task.state).toBe("Retrying");
  run.engine.fail(task);
  expect(task.state).toBe("Failed");
});

/* ---------------------------------------------------------------------------------------- what others are told */

test("failures that nobody awaited or handed on are unseen", async () => {
  const run = new SchedulerRun();
  const [unseen, awaited, handedOn] = [run.task("unseen"), run.task("awaited"), run.task("handed-on")];
  run.task("child", [handedOn]);
  const failure = expect(run.scheduler.result(awaited)).rejects.toThrow();
  await run.settle();
  for (const task of [unseen, awaited, handedOn]) run.engine.fail(task);
  await failure;
  expect(run.scheduler.unseenFailures().map(({ name, state }) => [name, state])).toEqual([
    ["unseen", "Failed"],
    ["child", "UpstreamFailed"],
  ]);
});

test("demand counts what is ready, what runs, and what both are expected to take", async () => {
  const run = new SchedulerRun();
  const { scheduler, engine } = run;
  const fn = run.fn();
  const [first, second, third] = [1, 2, 3].map(() => scheduler.submit(fn, []));
  const waiting = run.task("waiting", [first]);
  await run.settle();
  const nothing = { running: 0, unknown: 0, knownMs: 0, remainingMs: 0, open: true };
  expect(scheduler.demand()).toEqual({ ...nothing, ready: 3, unknown: 3 });

  engine.begin(first!, second!);
  expect(scheduler.demand()).toEqual({ ...nothing, ready: 1, running: 2, unknown: 1 });

  engine.succeed(first!, 1, 100);
  await run.settle();
  expect(scheduler.demand()).toMatchObject({ ready: 2, unknown: 1, knownMs: 100, remainingMs: 100 });
  await run.clock.advance(30);
  expect(scheduler.demand()).toMatchObject({ running: 1, remainingMs: 70 });

  engine.succeed(second!, 1, 50);
  expect(scheduler.demand()).toMatchObject({ ready: 2, knownMs: 75, remainingMs: 0 });
  engine.lose(third!, { started: false });
  expect(scheduler.demand()).toMatchObject({ ready: 1 });
  await run.settle();
  engine.succeed(third!);
  engine.succeed(waiting);
  scheduler.closeSubmissions();
  expect(scheduler.demand()).toEqual({ ...nothing, ready: 0, open: false });
});

test("a task that no worker can run is refused with the reason, before any of it is submitted", () => {
  const run = new SchedulerRun();
  run.engine.impossible = "no worker has GPU";
  expect(() => run.fn("train")).toThrow('Task "train" can never run: no worker has GPU');
});

test("a task waits until its code is there, and fails with what kept the code away", async () => {
  const run = new SchedulerRun();
  const [good, bad] = [run.fn("good"), run.fn("bad")];
  const ready = Promise.withResolvers<void>();
  good.preparing = ready.promise;
  bad.preparing = Promise.reject(new Error("no bundle"));
  const [task, failed] = [run.scheduler.submit(good, []), run.scheduler.submit(bad, [])];
  await run.settle();
  expect(run.inEngine).toEqual([]);
  expect(failed).toMatchObject({ state: "Failed", error: { message: "no bundle" } });
  ready.resolve();
  await run.settle();
  expect(run.inEngine).toEqual([task.id]);
});

test("at the start of a run, too, tasks go in the order of submission, whose code ever is there first", async () => {
  const run = new SchedulerRun();
  const [early, late] = [run.fn("early"), run.fn("late")];
  const code = [early, late].map((fn) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    fn.preparing = promise;
    return () => {
      fn.preparing = undefined;
      resolve();
    };
  });
  const tasks = [late, early, late, early].map((fn) => run.scheduler.submit(fn, []));
  code[0]!();
  await run.settle();
  expect(run.inEngine).toEqual([]);
  code[1]!();
  await run.settle();
  expect(run.inEngine).toEqual(tasks.map(({ id }) => id));
});

test("one that was cancelled while its code was awaited holds up nobody", async () => {
  const run = new SchedulerRun();
  const slow = run.fn("slow");
  const { promise, resolve } = Promise.withResolvers<void>();
  slow.preparing = promise;
  const [waits, follows] = [run.scheduler.submit(slow, []), run.scheduler.submit(run.fn("quick"), [])];
  run.scheduler.cancelAll("enough");
  resolve();
  await run.settle();
  expect([waits.state, follows.state]).toEqual(["Cancelled", "Cancelled"]);
  expect(run.inEngine).toEqual([]);
});

test("how deep a task is says how many tasks, one behind another, led to it", async () => {
  const run = new SchedulerRun();
  const [make, use] = [run.fn("make"), run.fn("use")];
  const made = run.scheduler.submit(make, []);
  const used = run.scheduler.submit(use, [made]);
  const both = run.scheduler.submit(use, [made, used]);
  const later = run.scheduler.mapLater(use, [{ kind: "node", node: used }]);
  const list = run.scheduler.submit(run.fn("list"), [later]);
  await run.settle();
  run.engine.succeed(made);
  await run.settle();
  run.engine.succeed(used, ["one", "two"]);
  await run.settle();
  const elements = (later.children ?? []) as TaskRun[];
  expect([made, used, both, ...elements].map(({ depth }) => depth)).toEqual([1, 2, 3, 3, 3]);
  for (const element of elements) run.engine.succeed(element);
  await run.settle();
  expect(list.depth).toBe(4);
});

/* ------------------------------------------------------------------------------------ values that nobody needs */

test("what a task gave goes with the last task that takes it, when nobody has a future of it", async () => {
  const run = new SchedulerRun();
  const [make, use] = [run.fn("make"), run.fn("use")];
  const made = run.scheduler.submit(make, []);
  const [first, last] = [run.scheduler.submit(use, [made, made]), run.scheduler.submit(use, [made])];
  await run.settle();
  run.engine.succeed(made, ["a large value"]);
  await run.settle();
  run.engine.succeed(first);
  expect(run.engine.released).toEqual([]);
  run.engine.fail(last);
  expect(run.engine.released).toEqual([["a large value"]]);
});

test("it stays for whoever has a future of it, awaits it, or takes it in a list", async () => {
  const run = new SchedulerRun();
  const [make, use] = [run.fn("make"), run.fn("use")];
  const [held, awaited, listed] = [0, 1, 2].map(() => run.scheduler.submit(make, [])) as [
    TaskRun,
    TaskRun,
    TaskRun,
  ];
  const future = new TaskFuture(run.scheduler, held);
  const value = run.scheduler.result(awaited);
  const list = run.scheduler.results([listed]);
  const users = [held, awaited, listed].map((node) => run.scheduler.submit(use, [node]));
  await run.settle();
  for (const node of [held, awaited, listed]) run.engine.succeed(node, [`of ${node.id}`]);
  await run.settle();
  for (const user of users) run.engine.succeed(user);
  expect(run.engine.released).toEqual([]);
  expect([await future, await value, await list]).toEqual([["of 1"], ["of 2"], [["of 3"]]]);
});

test("what the elements of a list gave goes with the list, when nobody has a future of it or waits for it", async () => {
  const run = new SchedulerRun();
  const [list, make, use] = [run.fn("list"), run.fn("make"), run.fn("use")];
  const source = run.scheduler.submit(list, []);
  let made: GatherRun | undefined = run.scheduler.mapLater(make, [{ kind: "node", node: source }]);
  const used = run.scheduler.mapLater(use, [{ kind: "node", node: made }]);
  const result = run.scheduler.result(used);
  await run.settle();
  run.engine.succeed(source, [1, 2]);
  await run.settle();
  const [first, second] = [...made.children!] as TaskRun[];
  made = undefined;
  run.engine.succeed(first!, ["large"]);
  await run.settle();
  await collectGarbage();
  run.engine.succeed(second!, ["as large"]);
  await run.settle();
  for (const child of used.children as TaskRun[]) run.engine.succeed(child, "done");
  expect(await result).toEqual(["done", "done"]);
  expect(run.engine.released).toEqual([["large"], ["as large"]]);
});

test("what one task takes has the rank of what was submitted first, and so has all that leads to it", async () => {
  const run = new SchedulerRun();
  const [make, use] = [run.fn("make"), run.fn("use")];
  const [first, second] = [run.scheduler.submit(make, []), run.scheduler.submit(make, [])];
  const other = run.scheduler.submit(make, []);
  const used = run.scheduler.submit(use, [other]);
  const alone = run.scheduler.submit(use, [second]);
  run.scheduler.submit(use, [first, used]);
  expect([first, second, other, used, alone].map(({ rank }) => rank)).toEqual([1, 2, 1, 1, 2]);
});

test("what is tried again goes behind all that was submitted by then", async () => {
  const run = new SchedulerRun();
  const fn = run.fn("flaky", { retries: 1 });
  const [first, second, third] = [0, 1, 2].map(() => run.scheduler.submit(fn, [])) as [
    TaskRun,
    TaskRun,
    TaskRun,
  ];
  await run.settle();
  run.engine.fail(first);
  run.engine.lose(second, { started: false });
  await run.settle();
  expect([first, second, third].map(({ rank }) => rank)).toEqual([3, 3, 3]);
});
