import fc from "fast-check";
import { expect, test } from "vitest";
import type { EngineTask } from "../contracts/engine.ts";
import { SchedulerRun, type SimulatedEngine } from "./scheduler.test.kit.ts";
import { isFinal, TRANSITIONS } from "./states.ts";
import type { Node, TaskRun } from "./task-run.ts";

/** A task: on which earlier ones it depends, and how often it is tried. */
const plannedTask = fc.record({
  dependencies: fc.array(fc.nat(), { maxLength: 3 }),
  mapped: fc.boolean(),
  retries: fc.nat(2),
  retryDelay: fc.nat(50),
  workerLostRetries: fc.nat(2),
});

/** What can become of a task that the engine has. */
const HAPPENINGS: Record<string, (engine: SimulatedEngine, task: EngineTask) => void> = {
  begins: (engine, task) => engine.begin(task),
  succeeds: (engine, task) => engine.succeed(task, [1, 2]),
  fails: (engine, task) => engine.fail(task),
  timesOut: (engine, task) => engine.report(task, "timeout"),
  isLost: (engine, task) => engine.lose(task, { started: true }),
  isReturned: (engine, task) => engine.lose(task, { started: false }),
  isReportedLate: (engine, task) => engine.report(task, "success", { attempt: task.attempt - 1 }),
};

/** Time passes, then something happens to one of them. */
const plannedStep = fc.record({
  afterMs: fc.oneof(fc.constant(0), fc.nat(60)),
  happening: fc.constantFrom(...Object.values(HAPPENINGS)),
  which: fc.nat(),
});

const plannedEnd = fc.option(
  fc.record({ afterSteps: fc.nat(60), how: fc.constantFrom("cancelled" as const, "engine gone" as const) }),
);

type PlannedTask = typeof plannedTask extends fc.Arbitrary<infer T> ? T : never;

function submitAll(run: SchedulerRun, tasks: readonly PlannedTask[]): Node[] {
  const nodes: Node[] = [];
  for (const [index, { dependencies, mapped, ...policy }] of tasks.entries()) {
    const needs = dependencies.flatMap((number) => nodes[number % Math.max(1, index)] ?? []);
    const fn = run.fn(`task-${index}`, { ...policy });
    const node =
      mapped && needs.length > 0
        ? run.scheduler.mapLater(fn, [{ kind: "node", node: needs[0]! }])
        : run.scheduler.submit(fn, needs);
    nodes.push(node);
  }
  return nodes;
}

/** Every step of every task is one that the table has, the last one is final, and no other is. */
function checkHistories(run: SchedulerRun): void {
  const histories = new Map<number, TaskRun["state"][]>();
  for (const { id, state } of run.events) histories.set(id, [...(histories.get(id) ?? []), state]);
  expect([...histories.keys()]).toEqual(Array.from({ length: histories.size }, (_, index) => index + 1));
  for (const states of histories.values()) {
    expect(states[0]).toBe("Pending");
    for (const [index, state] of states.slice(1).entries())
      expect(TRANSITIONS[states[index]!]).toContain(state);
    expect(states.filter(isFinal)).toEqual([states.at(-1)]);
  }
}

const plan = fc.record({
  tasks: fc.array(plannedTask, { minLength: 1, maxLength: 12 }),
  steps: fc.array(plannedStep, { maxLength: 80 }),
  end: plannedEnd,
});

test("whatever happens, every run ends, each task in one final state, by steps of the table", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ tasks, steps, end }) => {
      const run = new SchedulerRun();
      const { scheduler, engine, clock } = run;
      const nodes = submitAll(run, tasks);
      for (const [index, { afterMs, happening, which }] of steps.entries()) {
        await clock.advance(afterMs);
        if (end?.afterSteps === index && end.how === "cancelled") scheduler.cancelAll("enough");
        if (end?.afterSteps === index && end.how === "engine gone") {
          scheduler.failAll(new Error("the engine is gone"));
          engine.tasks.clear();
        }
        const there = [...engine.tasks.keys()];
        if (there.length > 0) happening(engine, there[which % there.length]!);
      }
      // From here on nothing goes wrong: it must come to its end.
      let idle = false;
      void scheduler.idle().then(() => {
        idle = true;
      });
      for (let round = 0; round < 100 && !idle; round++) {
        await clock.advance(60);
        for (const task of [...engine.tasks.keys()]) engine.succeed(task, [1, 2]);
        await clock.advance(0);
      }

      expect([idle, clock.pending, engine.tasks.size]).toEqual([true, 0, 0]);
      expect(nodes.every(({ isFinished }) => isFinished)).toBe(true);
      expect([...engine.inputs.values()].flat()).not.toContain(undefined);
      expect(scheduler.demand()).toMatchObject({ ready: 0, running: 0, remainingMs: 0 });
      checkHistories(run);
    }),
    { numRuns: 300 },
  );
});
