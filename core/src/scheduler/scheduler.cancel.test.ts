import { expect, test } from "vitest";
import { SchedulerRun } from "./scheduler.test.kit.ts";

/** A run with a task in each place where one can be, and one that has ended. */
async function everywhere() {
  const run = new SchedulerRun();
  const done = run.task("done");
  const running = run.task("running");
  const waiting = run.task("waiting");
  const retrying = run.task("retrying", [], { retries: 1, retryDelay: 1000 });
  const pending = run.task("pending", [waiting]);
  const behind = run.task("behind", [pending, running]);
  await run.settle();
  run.engine.succeed(done);
  run.engine.begin(running);
  run.engine.fail(retrying);
  const ready = run.task("ready");
  return { run, tasks: { done, running, waiting, retrying, pending, behind, ready } };
}

test("cancelling ends at once what does not run, and ends what runs where it runs", async () => {
  const { run, tasks } = await everywhere();
  const { done, running, ...others } = tasks;
  run.scheduler.cancelAll("the user said so", 250);
  expect(run.engine.cancelled).toEqual([[running.id, 250]]);
  expect([done.state, running.state]).toEqual(["Success", "Running"]);
  for (const task of Object.values(others)) {
    expect(task.state).toBe("Cancelled");
    expect(task.error!.message).toBe(`Task "${task.fn.name}" was cancelled: the user said so`);
  }

  run.engine.report(running, "cancelled");
  await run.scheduler.idle();
  expect(running.state).toBe("Cancelled");
  expect(run.clock.pending).toBe(0);
  expect(run.inEngine).toEqual([]);
  expect(run.scheduler.demand()).toMatchObject({ ready: 0, running: 0 });
  expect(run.failures).toEqual([]);
});

test("a task that ends in its own way after it was cancelled is not tried again", async () => {
  for (const [kind, state] of [
    ["success", "Success"],
    ["failure", "Failed"],
    ["timeout", "Failed"],
    ["lost", "Cancelled"],
  ] as const) {
    const run = new SchedulerRun();
    const task = run.task("work", [], { retries: 3 });
    await run.settle();
    run.engine.begin(task);
    run.scheduler.cancelAll("enough");
    expect(run.engine.cancelled).toEqual([[task.id, 5000]]);
    run.engine.report(task, kind, { error: new Error("on its way out") });
    expect(task.state).toBe(state);
    await run.scheduler.idle();
  }
});

test("a task that comes after the cancellation is cancelled, and never reaches the engine", async () => {
  const run = new SchedulerRun();
  run.scheduler.cancelAll("enough");
  const late = run.task("late");
  await run.settle();
  expect(late.state).toBe("Cancelled");
  expect(run.engine.submitted).toEqual([]);
});

test("what waits for a cancelled task learns of it", async () => {
  const run = new SchedulerRun();
  const list = run.task("list");
  const gather = run.scheduler.mapLater(run.fn("each"), [{ kind: "node", node: list }]);
  const result = expect(run.scheduler.result(list)).rejects.toMatchObject({ code: "TASK_CANCELLED" });
  await run.settle();
  run.scheduler.cancelAll("enough");
  await result;
  await run.scheduler.idle();
  expect(gather.state).toBe("UpstreamFailed");
});

test("cancelling twice gives what still runs its new, shorter grace", async () => {
  const run = new SchedulerRun();
  const task = run.task("work");
  await run.settle();
  run.engine.begin(task);
  run.scheduler.cancelAll("first", 5000);
  run.scheduler.cancelAll("second", 0);
  expect(run.engine.cancelled).toEqual([
    [task.id, 5000],
    [task.id, 0],
  ]);
  run.engine.report(task, "cancelled");
  expect(task.error!.message).toContain("first");
});

test("when the engine is gone, all that has not ended has crashed with the reason", async () => {
  const { run, tasks } = await everywhere();
  const { done, ...others } = tasks;
  const error = new Error("the hub is gone");
  run.scheduler.listener.failed(error);
  await run.scheduler.idle();
  expect(done.state).toBe("Success");
  for (const task of Object.values(others)) expect(task).toMatchObject({ state: "Crashed", error });
  expect(run.clock.pending).toBe(0);
  expect(run.scheduler.demand()).toMatchObject({ ready: 0, running: 0 });

  run.engine.report(others.running, "success");
  expect(others.running.state).toBe("Crashed");
  const late = run.task("late");
  await run.clock.advance(0);
  expect(late.state).toBe("Cancelled");
});
