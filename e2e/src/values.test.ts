import { flow, task, unmapped } from "@muster/core";
import { expect, test } from "vitest";
import { engine } from "./engines.ts";
import { Child } from "./support/child.ts";
import { localWorkers } from "./support/clusters.ts";
import { Recorder } from "./support/events.ts";

const echo = task("echo", (value: unknown) => value);
const describeOnWorker = task("describe", (value: unknown) => {
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  return `${tag} ${(value as object)?.constructor?.name}`;
});

const cycle: { self?: unknown; list: unknown[] } = { list: [] };
cycle.self = cycle;
cycle.list.push(cycle.list, cycle);
const shared = { n: 1 };
const sparse = [1, 2, 3, undefined];
delete sparse[1];
const caused = new TypeError("outer", { cause: new RangeError("inner", { cause: { code: 7 } }) });

const VALUES: readonly (readonly [name: string, value: unknown, type: string])[] = [
  ["a Map of Maps", new Map<unknown, unknown>([["a", new Map([[{ k: 1 }, 2n]])]]), "Map Map"],
  ["a Set", new Set([1, "1", null, undefined, Number.NaN]), "Set Set"],
  ["a Date", new Date(1_234_567_890_123), "Date Date"],
  ["a Date that is none", new Date(Number.NaN), "Date Date"],
  ["a RegExp", /a+(?<name>b)/giu, "RegExp RegExp"],
  ["a BigInt", 2n ** 200n, "BigInt BigInt"],
  ["a negative BigInt", -5n, "BigInt BigInt"],
  ["an Uint8Array", Uint8Array.of(0, 255), "Uint8Array Uint8Array"],
  ["a Float64Array", Float64Array.of(1.5, -0, Number.NaN), "Float64Array Float64Array"],
  ["a BigInt64Array", BigInt64Array.of(-1n), "BigInt64Array BigInt64Array"],
  ["a Buffer", Buffer.from("bytes"), "Uint8Array Buffer"],
  ["an ArrayBuffer", Uint8Array.of(1, 2, 3).buffer, "ArrayBuffer ArrayBuffer"],
  ["a DataView", new DataView(Uint8Array.of(1, 2, 3, 4).buffer, 1, 2), "DataView DataView"],
  ["-0", -0, "Number Number"],
  ["infinities and NaN", [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, -0], "Array Array"],
  ["undefined in an object", { a: undefined, b: null }, "Object Object"],
  ["a sparse array", sparse, "Array Array"],
  ["lone surrogates", "\ud800 text \udfff", "String String"],
  ["__proto__ as a key", JSON.parse('{"__proto__": 1, "constructor": 2}'), "Object undefined"],
  ["an Error with causes", caused, "Error TypeError"],
  ["undefined", undefined, "Undefined undefined"],
  ["an empty string", "", "String String"],
  ["a text of a mebibyte", "ü".repeat(2 ** 19), "String String"],
];

test("values of every kind go to a worker and come back as they were", async () => {
  const there = flow({ name: "values", executor: localWorkers({ workers: 1 }) }, async () => ({
    values: await echo.map(VALUES.map(([, value]) => value)),
    types: await describeOnWorker.map(VALUES.map(([, value]) => value)),
    // As the value of a future that another task takes, they do not pass through the driver's hands.
    handedOn: await echo.map(echo.map(VALUES.map(([, value]) => value))),
  }));
  const { values, types, handedOn } = (await there.run()).unwrap();
  for (const [index, [name, value, type]] of VALUES.entries()) {
    expect(values[index], name).toStrictEqual(value);
    expect(handedOn[index], name).toStrictEqual(value);
    expect(types[index], name).toBe(type);
  }
  const error = values[VALUES.findIndex(([name]) => name === "an Error with causes")] as Error;
  expect(error).toBeInstanceOf(TypeError);
  expect(error.cause).toBeInstanceOf(RangeError);
  expect((error.cause as Error).cause).toEqual({ code: 7 });
  expect(error.stack).toBe(caused.stack);
  expect(1 in (values[VALUES.findIndex(([name]) => name === "a sparse array")] as unknown[])).toBe(false);
});

test("cycles and shared objects keep their identity", async () => {
  const there = flow({ name: "cycles", executor: localWorkers({ workers: 1 }) }, async () => ({
    cycle: (await echo(cycle)) as typeof cycle,
    pair: (await echo([shared, shared, new Map([[shared, shared]])])) as [
      object,
      object,
      Map<object, object>,
    ],
  }));
  const { cycle: back, pair } = (await there.run()).unwrap();
  expect(back.self).toBe(back);
  expect(back.list[0]).toBe(back.list);
  expect(back.list[1]).toBe(back);
  expect(pair[0]).toBe(pair[1]);
  expect(pair[2].get(pair[0])).toBe(pair[0]);
});

const fill = task("fill", (bytes: number) => new Uint8Array(bytes).fill(bytes % 251));
const check = task("check", (bytes: Uint8Array, more: { nested: Uint8Array }) => {
  const expected = bytes.length % 251;
  return bytes.every((byte) => byte === expected) && more.nested.length === bytes.length ? bytes.length : -1;
});

/** Around every limit on the way: 64 KiB inline, frames, pieces of blobs. */
const SIZES = [0, 1, 1000, 65_535, 65_536, 65_537, 2 ** 20, 2 ** 20 + 1, 20 * 2 ** 20, 64 * 2 ** 20];

test("binary of 1 byte to 64 MiB goes to a worker, to the next, and back", async () => {
  const there = flow({ name: "sizes", executor: localWorkers({ workers: 2 }) }, async () => {
    const made = fill.map(SIZES);
    const checked = await check.map(
      made,
      made.map((nested) => ({ nested })),
    );
    const fromHere = SIZES.map((bytes) => new Uint8Array(bytes).fill(bytes % 251));
    const backAndForth = await check.map(
      fromHere,
      fromHere.map((nested) => ({ nested })),
    );
    return { checked, backAndForth, made };
  });
  const { checked, backAndForth, made } = (await there.run()).unwrap();
  expect({ checked, backAndForth }).toEqual({ checked: SIZES, backAndForth: SIZES });
  expect(made.map((bytes) => bytes.length)).toEqual(SIZES);
  expect(made.every((bytes) => bytes.every((byte) => byte === bytes.length % 251))).toBe(true);
});

const pick = task("pick", (table: Uint8Array, index: number) => table[index]);

test("a large value that all tasks of a map get is theirs to read", async () => {
  const table = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 256);
  const there = flow({ name: "table", executor: localWorkers() }, () =>
    pick.map(unmapped(table), [0, 255, 256, 999_999]),
  );
  expect((await there.run()).unwrap()).toEqual([0, 255, 0, 999_999 % 256]);
});

class Point {
  x = 1;
  y = 2;
  get length(): number {
    return Math.hypot(this.x, this.y);
  }
}
const makePoint = task("make-point", () => ({ at: new Point() }));

test("an instance of a class arrives as a plain object, and a warning says so once", async () => {
  const recorder = new Recorder();
  const there = flow({ name: "points", executor: localWorkers({ workers: 1 }) }, () => [
    makePoint(),
    makePoint(),
  ]);
  const [first] = (await there.run({ onEvent: recorder.onEvent })).unwrap();
  expect(first).toStrictEqual({ at: { x: 1, y: 2 } });
  const warnings = recorder.taskLogs().filter(({ level }) => level === "warn");
  expect(warnings).toHaveLength(1);
  expect(warnings[0]!.message).toMatch(
    /^the result\.at is an instance of Point: it arrives as a plain object/,
  );
});

// Elsewhere, the contract of engines looks after them.
if (engine.keepsValuesHere) {
  test("large results are freed when no future needs them any more", async () => {
    await using child = Child.fixture("frees.ts", [], ["--expose-gc"]);
    const { exitCode, stdout, stderr } = await child.ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual({ held: 10, heldByOneFuture: 1, heldByNone: 0 });
  });
}
