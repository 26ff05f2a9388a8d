import { expect, test } from "vitest";
import type { MusterEvent } from "../contracts/event.ts";
import { LocalPoolExecutor } from "../executor/index.ts";
import { context, flow, type State, task } from "./index.ts";

/** Resolves when the run or the task that asks is told to end. */
const told = () =>
  new Promise<void>((resolve) => {
    if (context.signal.aborted) resolve();
    context.signal.addEventListener("abort", () => resolve());
  });
const boom = task("boom", (): number => {
  throw new Error("the disk is full");
});

/** An inner flow that goes on until it is told to end, and what is known of it from outside. */
function endless() {
  const begun = Promise.withResolvers<void>();
  const states: State<unknown>[] = [];
  const inner = flow("inner", async () => {
    begun.resolve();
    await told();
  });
  const run = async (): Promise<State<unknown>> => {
    const state = await inner.run();
    states.push(state);
    return state;
  };
  const shown = () => states.map(({ name, message }) => `${name}: ${message}`);
  return { begun: begun.promise, run, shown };
}

const CANCELLED = 'Cancelled: The run was cancelled: the flow "outer", inside which it ran,';

test("an inner flow ends with its outer one that fails, and before it", async () => {
  const { begun, run, shown } = endless();
  const outer = flow("outer", async () => {
    await Promise.all([run(), begun.then(() => boom())]);
  });
  const state = await outer.run();
  expect([state.name, state.message]).toEqual(["Failed", "the disk is full"]);
  expect(shown()).toEqual([`${CANCELLED} failed.`]);
});

test("with one that is cancelled, at any depth", async () => {
  const { begun, run, shown } = endless();
  const controller = new AbortController();
  const outer = flow("outer", async () => {
    await flow("middle", async () => void (await run())).run();
  });
  const running = outer.run({ signal: controller.signal });
  await begun;
  controller.abort();
  expect((await running).name).toBe("Cancelled");
  expect(shown()).toEqual([
    'Cancelled: The run was cancelled: the flow "middle", inside which it ran, was cancelled.',
  ]);
});

test("with one that was cancelled before it began", async () => {
  const { run, shown } = endless();
  await flow("outer", async () => {
    await told();
    await run();
  }).run({ signal: AbortSignal.timeout(1) });
  expect(shown()).toEqual([`${CANCELLED} was cancelled.`]);
});

test("with one that ends without waiting for it, which says so", async () => {
  const { begun, run, shown } = endless();
  const events: MusterEvent[] = [];
  const outer = flow("outer", async () => {
    void run();
    await begun;
    return 7;
  });
  const state = await outer.run({ onEvent: (event) => events.push(event) });
  expect(state.unwrap()).toBe(7);
  expect(shown()).toEqual([`${CANCELLED} ended.`]);
  expect(events.flatMap((event) => (event.type === "log" ? [[event.level, event.message]] : []))).toEqual([
    [
      "warn",
      'The flow "inner" was still running when "outer", inside which it ran, ended: it is cancelled. Await its run().',
    ],
  ]);
});

test("with one that fails fast, as tasks do", async () => {
  const { begun, run, shown } = endless();
  const outer = flow({ name: "outer", failFast: true }, async () => {
    const inner = run();
    await begun;
    boom();
    await inner;
  });
  const state = await outer.run();
  expect([state.name, state.error?.message]).toEqual(["Failed", "the disk is full"]);
  expect(shown()).toEqual([`${CANCELLED} failed.`]);
});

test("with the task that runs it, if that is ended or takes too long", async () => {
  for (const [options, ended, why] of [
    [{ timeout: 30 }, "Failed", 'the task "in-task", inside which it ran, was ended.'],
    [{}, "Cancelled", 'the flow "outer", inside which it ran, was cancelled.'],
  ] as const) {
    const { begun, run, shown } = endless();
    const inTask = task({ name: "in-task", ...options }, async () => void (await run()));
    const controller = new AbortController();
    const outer = flow("outer", async () => {
      await inTask();
    });
    const running = outer.run({ signal: controller.signal });
    await begun;
    if (ended === "Cancelled") controller.abort();
    expect((await running).name).toBe(ended);
    expect(shown()).toEqual([`Cancelled: The run was cancelled: ${why}`]);
  }
});

test("whatever executor it has, and with its tasks", async () => {
  const begun = Promise.withResolvers<void>();
  const forever = task("forever", () => new Promise<never>(() => {}));
  const executor = new LocalPoolExecutor({ numWorkers: 1, cancelGraceMs: 0 });
  const inner = flow({ name: "inner", executor }, async () => await forever());
  let state: State<unknown> | undefined;
  const outer = flow("outer", async () => {
    const running = inner.run({
      onEvent: (event) => {
        if (event.type === "task" && event.state === "Running") begun.resolve();
      },
    });
    void running.then((ended) => {
      state = ended;
    });
    await begun.promise;
    await boom();
  });
  expect((await outer.run()).name).toBe("Failed");
  expect(state?.name).toBe("Cancelled");
  expect(state?.taskStates?.count("Cancelled", "forever")).toBe(1);
});

test("an inner flow that is awaited is its outer one's to look at, whatever becomes of it", async () => {
  const failing = flow("failing", async () => await boom());
  const outer = flow("outer", async () => {
    const [first, second] = [await failing.run(), await flow("fine", () => 1).run()];
    return [first.name, second.name];
  });
  expect((await outer.run()).unwrap()).toEqual(["Failed", "Success"]);
});

test("what begins after an outer flow's success is on its own, and so is what its terminalStateHandler runs", async () => {
  const later = Promise.withResolvers<void>();
  const runs: Promise<State<number>>[] = [];
  const fine = flow("fine", () => 1);
  const outer = flow(
    {
      name: "outer",
      terminalStateHandler: async () => {
        runs.push(fine.run());
      },
    },
    () => void later.promise.then(() => runs.push(fine.run())),
  );
  expect((await outer.run()).name).toBe("Success");
  later.resolve();
  await later.promise;
  const failed = flow(
    { name: "outer", terminalStateHandler: async () => void runs.push(fine.run()) },
    async () => void (await boom()),
  );
  expect((await failed.run()).name).toBe("Failed");
  expect((await Promise.all(runs)).map(({ name }) => name)).toEqual(["Success", "Success", "Success"]);
});
