import { expect, expectTypeOf, test } from "vitest";
import { InvalidOptionError } from "../base/errors.ts";
import type { Demand } from "../contracts/worker-link.ts";
import { type AdaptOptions, resolveAdaptOptions } from "./adapt-options.ts";
import { type AdaptiveInputs, type AdaptiveMemory, decide } from "./adaptive.ts";

const nothing: Demand = { ready: 0, running: 0, unknown: 0, knownMs: 0, remainingMs: 0, open: true };

function inputs(demand: Partial<Demand>, more: Partial<AdaptiveInputs> = {}): AdaptiveInputs {
  return {
    now: 0,
    demand: { ...nothing, ...demand },
    slotsPerWorker: 1,
    wanted: 0,
    ready: 0,
    bootingForMs: [],
    runningOnDraining: 0,
    bootMs: 1_000,
    ...more,
  };
}

function wantedFor(
  demand: Partial<Demand>,
  more: Partial<AdaptiveInputs> = {},
  options: AdaptOptions = {},
): number {
  return decide(inputs(demand, more), resolveAdaptOptions({ maximum: 100, ...options }, 10), {}).wanted;
}

test("a cold start: tasks of unknown duration get a slot each", () => {
  expect(wantedFor({ ready: 7, unknown: 7 })).toBe(7);
  expect(wantedFor({ ready: 7, unknown: 7 }, { slotsPerWorker: 4 })).toBe(2);
  expect(wantedFor({ ready: 700, unknown: 700 })).toBe(100);
});

test("a cold start of tasks that are known to be quick gets one worker, not none", () => {
  expect(wantedFor({ ready: 1, knownMs: 0 })).toBe(1);
});

test("known durations: as many as do the backlog in the target time", () => {
  expect(wantedFor({ ready: 100, knownMs: 50_000 })).toBe(10);
  expect(wantedFor({ ready: 100, knownMs: 50_000 }, {}, { targetDurationMs: 50_000 })).toBe(1);
});

test("a boot that takes longer than the target counts as the target", () => {
  expect(wantedFor({ ready: 1000, knownMs: 600_000 }, { bootMs: 60_000 })).toBe(10);
});

test("tasks longer than the target get one slot each, however long they are", () => {
  expect(wantedFor({ ready: 3, knownMs: 30_000_000 })).toBe(3);
  const busy = { wanted: 1, ready: 1 };
  expect(wantedFor({ ready: 2, knownMs: 100, running: 1, remainingMs: 9_000_000 }, busy)).toBe(2);
});

test("no worker for a backlog that is gone before it could boot", () => {
  const two = { wanted: 2, ready: 2, bootMs: 10_000 };
  expect(wantedFor({ ready: 400, knownMs: 19_000, running: 2, remainingMs: 100 }, two)).toBe(2);
  expect(wantedFor({ ready: 400, knownMs: 29_000, running: 2, remainingMs: 100 }, two)).toBe(3);
});

test("tasks that end on workers that drain ask for no slot", () => {
  expect(wantedFor({ running: 4, remainingMs: 60_000 }, { wanted: 2, ready: 2, runningOnDraining: 2 })).toBe(
    2,
  );
});

test("up after upDelayMs, if it is still wanted", () => {
  const policy = resolveAdaptOptions({ upDelayMs: 500 }, 10);
  const first = decide(inputs({ ready: 3, unknown: 3 }), policy, {});
  expect(first.wanted).toBe(0);
  expect(decide(inputs({ ready: 3, unknown: 3 }, { now: 499 }), policy, first.memory).wanted).toBe(0);
  expect(decide(inputs({ ready: 3, unknown: 3 }, { now: 500 }), policy, first.memory).wanted).toBe(3);
});

test("down after downDelayMs, to the most that was right meanwhile", () => {
  const policy = resolveAdaptOptions({ downDelayMs: 5_000 }, 10);
  let memory: AdaptiveMemory = {};
  const at = (now: number, running: number) => {
    const decision = decide(inputs({ running }, { now, wanted: 8, ready: 8 }), policy, memory);
    memory = decision.memory;
    return decision.wanted;
  };
  expect([at(0, 2), at(1_000, 4), at(2_000, 1), at(4_999, 1)]).toEqual([8, 8, 8, 8]);
  expect(at(5_000, 1)).toBe(4);
});

test("a moment when all are needed starts the patience anew", () => {
  const policy = resolveAdaptOptions({ downDelayMs: 5_000 }, 10);
  const below = decide(inputs({ running: 1 }, { wanted: 2, ready: 2 }), policy, {});
  const needed = decide(inputs({ running: 2 }, { now: 4_000, wanted: 2, ready: 2 }), policy, below.memory);
  expect(
    decide(inputs({ running: 1 }, { now: 6_000, wanted: 2, ready: 2 }), policy, needed.memory).wanted,
  ).toBe(2);
});

test("between two phases of a flow workers are kept for a minute, unless downDelayMs says otherwise", () => {
  const downAfter = (options: AdaptOptions, open: boolean, bootMs = 1_000) => {
    const policy = resolveAdaptOptions(options, 10);
    let memory: AdaptiveMemory = {};
    for (let now = 0; ; now += 1_000) {
      const decision = decide(inputs({ open }, { now, wanted: 2, ready: 2, bootMs }), policy, memory);
      if (decision.wanted !== 2) return now;
      memory = decision.memory;
    }
  };
  expect(downAfter({}, true)).toBe(60_000);
  expect(downAfter({}, false)).toBe(30_000);
  expect(downAfter({ downDelayMs: 3_000 }, true)).toBe(3_000);
  expect(downAfter({ downDelayMs: 3_000 }, false, 20_000)).toBe(20_000);
});

test("bounds that changed hold at once", () => {
  expect(wantedFor({}, { wanted: 20 }, { maximum: 5 })).toBe(5);
  expect(wantedFor({}, { wanted: 0 }, { minimum: 3 })).toBe(3);
});

test("a decision says why", () => {
  const decision = decide(inputs({ ready: 20, unknown: 12, knownMs: 8 }), resolveAdaptOptions({}, 10), {});
  expect(decision.reason).toBe(
    "20 tasks ready, 0 running, 12 of unknown duration: 10 workers (the maximum).",
  );
});

test("options: the maximum is finite, and what disagrees is named", () => {
  expect(resolveAdaptOptions({}, 10)).toMatchObject({ minimum: 0, maximum: 10, initial: 0 });
  expect(resolveAdaptOptions({ minimum: 20 }, 10)).toMatchObject({ maximum: 20, initial: 20 });
  const refused: [AdaptOptions, string][] = [
    [
      { maximum: Number.POSITIVE_INFINITY },
      "adaptKwargs.maximum must be a whole number of at least 1, but it is Infinity.",
    ],
    [{ minimum: -1 }, "adaptKwargs.minimum must be a whole number of at least 0, but it is -1."],
    [{ minimum: 5, maximum: 2 }, "adaptKwargs.minimum is 5, more than adaptKwargs.maximum, 2."],
    [{ initial: 5, maximum: 2 }, "adaptKwargs.initial is 5, more than adaptKwargs.maximum, 2."],
    [
      { maximun: 2 } as AdaptOptions,
      'adaptKwargs has no option "maximun": did you mean "maximum"? It has: downDelayMs,',
    ],
  ];
  for (const [options, message] of refused) {
    expect(() => resolveAdaptOptions(options, 10)).toThrow(InvalidOptionError);
    expect(() => resolveAdaptOptions(options, 10)).toThrow(message);
  }
  expectTypeOf<AdaptOptions["maximum"]>().toEqualTypeOf<number | undefined>();
});
