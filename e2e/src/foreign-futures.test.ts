import {
  type Executor,
  type FutureArray,
  flow,
  LocalExecutor,
  type MappedFuture,
  type MusterError,
  type TaskFuture,
  task,
} from "@muster/core";
import { describe, expect, test } from "vitest";
import { EXECUTORS, localWorkers } from "./support/clusters.ts";

const make = task("make", () => ({ when: new Date(7), byName: new Map([["a", [1]]]), text: "small" }));
const fill = task("fill", (bytes: number) => new Uint8Array(bytes).fill(7));
const size = task("size", (bytes: Uint8Array) => (bytes.every((byte) => byte === 7) ? bytes.length : -1));
const double = task("double", (n: number) => n * 2);
const range = task("range", (count: number) => Array.from({ length: count }, (_, index) => index));
const sum = task("sum", (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0));
const show = task("show", (value: unknown): unknown => value);
const boom = task("boom", (): number => {
  throw new RangeError("the disk is full");
});
const wait = task("wait", () => new Promise<void>((resolve) => setTimeout(resolve, 50)));

const SMALL = { when: new Date(7), byName: new Map([["a", [1]]]), text: "small" };
const LARGE_BYTES = 5 * 2 ** 20;

interface Given {
  small: TaskFuture<object>;
  large: TaskFuture<Uint8Array>;
  list: FutureArray<number>;
  later: MappedFuture<number>;
  numbers: TaskFuture<number[]>;
  bad: TaskFuture<number>;
}

function innerFlow(executor: Executor) {
  return flow({ name: "inner", executor }, async (given: Given) => ({
    small: show(given.small),
    nested: show({ deep: [given.small, new Map([["list", given.list]])] }),
    large: size(given.large),
    largeAgain: size(given.large),
    sums: [sum(given.list), sum(given.later), sum(given.numbers), sum([given.list[0]!, 1])],
    mapped: [double.map(given.list), double.map(given.later), double.map(given.numbers)],
    elements: show(await given.later.elements()),
    awaited: await given.list,
    returned: given.small,
    bad: await show([given.bad]).then(undefined, (error: unknown) => [
      (error as MusterError).code,
      ((error as MusterError).cause as Error).message,
    ]),
  }));
}

const EXPECTED = {
  small: SMALL,
  nested: { deep: [SMALL, new Map([["list", [2, 4]]])] },
  large: LARGE_BYTES,
  largeAgain: LARGE_BYTES,
  sums: [6, 6, 3, 3],
  mapped: [
    [4, 8],
    [0, 4, 8],
    [0, 2, 4],
  ],
  elements: [0, 2, 4],
  awaited: [2, 4],
  returned: SMALL,
  bad: ["UPSTREAM_FAILED", "the disk is full"],
};

const PAIRS = EXECUTORS.flatMap(([outer, makeOuter]) =>
  EXECUTORS.map(([inner, makeInner]) => [inner, outer, makeInner, makeOuter] as const),
);

test.each(PAIRS)(
  "a flow on %s takes futures of the one on %s in which it runs",
  async (_inner, _outer, makeInner, makeOuter) => {
    const inner = innerFlow(makeInner());
    const outer = flow({ name: "outer", executor: makeOuter() }, async () => {
      const given: Given = {
        small: make(),
        large: fill(LARGE_BYTES),
        list: double.map([1, 2]),
        later: double.map(range(3)),
        numbers: range(3),
        bad: boom(),
      };
      return (await inner.run({ parameters: given })).unwrap();
    });
    expect((await outer.run()).unwrap()).toEqual(EXPECTED);
  },
);

describe.each(EXECUTORS)("%s: futures of another run", (_name, makeExecutor) => {
  test("of an inner flow resolve outside while it lives, and afterwards what is small", async () => {
    let lent: { n: TaskFuture<number>; bytes: TaskFuture<Uint8Array> } | undefined;
    const ready = Promise.withResolvers<void>();
    const done = Promise.withResolvers<void>();
    const inner = flow({ name: "inner", executor: makeExecutor() }, async () => {
      lent = { n: double(4), bytes: fill(LARGE_BYTES) };
      ready.resolve();
      await done.promise;
    });
    const outer = flow({ name: "outer", executor: makeExecutor() }, async () => {
      const running = inner.run();
      await ready.promise;
      const { n, bytes } = lent!;
      const living = [await double(n), await size(bytes)];
      done.resolve();
      (await running).unwrap();
      return [...living, await n, await double(n)];
    });
    expect((await outer.run()).unwrap()).toEqual([16, LARGE_BYTES, 8, 16]);
  });

  test("that is over are never another run's: they resolve, or say what went with their run", async () => {
    const kept: TaskFuture<Uint8Array>[] = [];
    const executor = makeExecutor();
    const again = flow({ name: "again", executor }, async (bytes: number) => {
      const own = fill(bytes);
      kept.push(own);
      await own;
      return await Promise.allSettled([size(kept[0]!), size(own)]);
    });
    expect((await again.run({ parameters: LARGE_BYTES })).unwrap()).toEqual([
      { status: "fulfilled", value: LARGE_BYTES },
      { status: "fulfilled", value: LARGE_BYTES },
    ]);
    // It was awaited: its value is here.
    expect((await again.run({ parameters: LARGE_BYTES + 1 })).unwrap()).toEqual([
      { status: "fulfilled", value: LARGE_BYTES },
      { status: "fulfilled", value: LARGE_BYTES + 1 },
    ]);
  });

  test("that never was awaited and is over says so, if it is large", async () => {
    let kept!: TaskFuture<Uint8Array>;
    const executor = makeExecutor();
    const first = flow({ name: "first", executor }, async () => {
      kept = fill(LARGE_BYTES);
      await size(kept);
    });
    const { flowRunId } = await runIdOf(first);
    const second = flow({ name: "second", executor }, async () => {
      fill(LARGE_BYTES + 1);
      return await size(kept);
    });
    const state = await second.run();
    if (executor instanceof LocalExecutor) {
      expect(state.unwrap()).toBe(LARGE_BYTES);
      return;
    }
    const sentence = `The result of task "fill" went with the run ${flowRunId} of the flow "first", which has ended. Await it before its run ends.`;
    expect([state.name, state.error?.message]).toEqual(["Failed", sentence]);
    await expect(kept).rejects.toThrow(sentence);
  });

  test("that was cancelled is cancelled for others, too", async () => {
    let kept!: TaskFuture<unknown>;
    const executor = makeExecutor();
    const first = flow({ name: "first", executor }, () => {
      kept = show(wait());
      throw new Error("enough");
    });
    expect((await first.run()).name).toBe("Failed");
    const second = flow({ name: "second", executor }, async () => await show(kept));
    const state = await second.run();
    expect([state.name, state.error?.message]).toEqual([
      "Failed",
      'Task "show" was cancelled: the flow failed',
    ]);
  });
});

test("a value that no wire carries fails what takes it elsewhere, and says which it is", async () => {
  const inner = flow(
    { name: "inner", executor: localWorkers({ workers: 1 }) },
    async (given: { n: unknown }) => {
      return await show(given.n);
    },
  );
  const outer = flow("outer", async () => {
    const open = show(new Promise(() => {}).constructor);
    return await inner.run({ parameters: { n: open } });
  });
  const state = (await outer.run()).unwrap() as { name: string; error: Error };
  expect(state.name).toBe("Failed");
  expect(state.error.message).toMatch(/^The result of task "show" is a function \(Promise\)/);
});

test("futures of another executor are arguments, without any flow", async () => {
  await using here = await new LocalExecutor().start();
  await using there = await localWorkers({ workers: 1 }).start();
  await using elsewhere = await localWorkers({ workers: 1 }).start();
  const start = here.submit(() => ({ n: 1, when: new Date(1) }), []);
  const large = there.submit((from: { n: number }) => new Uint8Array(1_000_000).fill(from.n), [start]);
  const length = elsewhere.submit((bytes: Uint8Array) => bytes.length + bytes[0]!, [large]);
  const back = here.submit((n: number, bytes: Uint8Array) => n + bytes.length, [length, large]);
  expect(await elsewhere.wait({ start, length, back })).toEqual({
    start: { n: 1, when: new Date(1) },
    length: 1_000_001,
    back: 2_000_001,
  });
});

async function runIdOf(started: { run(options: object): Promise<unknown> }): Promise<{ flowRunId: string }> {
  let flowRunId = "";
  await started.run({
    onEvent: (event: { type: string; flowRunId?: string }) => {
      if (event.type === "flow") flowRunId = event.flowRunId!;
    },
  });
  return { flowRunId };
}
