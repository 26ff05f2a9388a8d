import { createServer } from "node:net";
import { PassThrough } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import vm from "node:vm";
import { pack, unpack } from "msgpackr";
import { expect, test } from "vitest";
import { NotSerializableError } from "../base/errors.ts";
import { decodeValue, type Encoded, encodeValue, isInline, Ref, RefRange } from "./values.ts";

const what = 'argument 1 of task "count"';
const encode = (value: unknown) => encodeValue(value, { what });

/** Through bytes of their own, as in another process. */
function roundTrip<T>(value: T): T {
  const { meta, buffers } = structuredClone(encode(value));
  return decodeValue({ meta, buffers }) as T;
}

function sparse(): unknown[] {
  const array: unknown[] = [1, undefined];
  array[4] = { a: 1 };
  return array;
}

const faithful: Record<string, unknown> = {
  "small integers and floats": [0, -1, 127, 128, -32769, 2 ** 31, 2 ** 32, 2 ** 53, 0.1, 1e300],
  "special numbers": [-0, Number.NaN, Infinity, -Infinity, { zero: -0 }],
  "a bare -0": -0,
  "undefined in arrays and fields": [undefined, { a: undefined, b: null }],
  holes: sparse(),
  "a huge sparse array": Object.assign(new Array(2 ** 32 - 1), { 5: "x", 4000000000: "y" }),
  "an empty array with a length": new Array(7),
  bigints: [0n, -1n, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), 2n ** 64n, -(2n ** 1000n), 7n ** 9000n],
  strings: ["", "ä", "𝄞", "x".repeat(100_000), "é".repeat(70_000)],
  "lone surrogates": ["\ud800", { "\udfff key": "a\udc00b" }],
  "Map and Set": [
    new Map<unknown, unknown>([
      [{ k: 1 }, new Set([1, "1"])],
      [-0, -0],
    ]),
    new Set([new Map()]),
  ],
  dates: [new Date(0), new Date(-1.5e12), new Date(8.64e15), new Date(Number.NaN)],
  "a RegExp": /a(?<year>\d+)\/b/giu,
  "boxed primitives": [Object(1), Object("s"), Object(true), Object(2n ** 70n), Object(-0)],
  "typed arrays": [
    new Uint8Array([1, 2]),
    new Int8Array([-1]),
    new Uint8ClampedArray([255]),
    new Int16Array([-2]),
    new Uint16Array([3]),
    new Int32Array([-4]),
    new Uint32Array([5]),
    new Float32Array([0.5]),
    new Float64Array([0.1, -0]),
    new BigInt64Array([-6n]),
    new BigUint64Array([7n]),
    new Uint8Array(0),
  ],
  "a DataView and an ArrayBuffer": [new DataView(new ArrayBuffer(5), 1, 3), new ArrayBuffer(9)],
  "a Buffer": Buffer.from("hello"),
  "keys that msgpackr looks at": [
    JSON.parse('{"__proto__":{"polluted":true},"constructor":1,"toJSON":2,"hasOwnProperty":3}'),
    { constructor: Map, valueOf: 1 }.valueOf,
    { constructor: { name: "Map" } },
  ],
  "70,000 keys": Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [`key${index}`, index])),
  "an array of 70,000": Array.from({ length: 70_000 }, (_, index) => ({ index })),
};

for (const [name, value] of Object.entries(faithful)) {
  test(`${name}: arrives as it was`, () => {
    expect(isDeepStrictEqual(roundTrip(value), value)).toBe(true);
  });
}

test("an object with __proto__ as its own key pollutes nothing", () => {
  const value = JSON.parse('{"__proto__":{"polluted":true}}');
  const arrived = roundTrip(value);
  expect(Object.keys(arrived)).toEqual(["__proto__"]);
  expect(arrived.polluted).toBeUndefined();
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test("what a value holds twice is one thing on arrival, and cycles close", () => {
  const shared = { at: new Date(5) };
  const value: Record<string, unknown> = { a: shared, b: [shared], when: shared.at };
  value["self"] = value;
  const arrived = roundTrip(value) as { a: { at: Date }; b: unknown[]; when: Date; self: unknown };
  expect(arrived.self).toBe(arrived);
  expect(arrived.b[0]).toBe(arrived.a);
  expect(arrived.when).toBe(arrived.a.at);
});

test("a repeated object is seen among many", () => {
  const rows = Array.from({ length: 100 }, (_, index) => ({ index }));
  const arrived = roundTrip([...rows, rows[3]]);
  expect(arrived[100]).toBe(arrived[3]);
});

test("a Map may hold itself as key and value", () => {
  const map = new Map<unknown, unknown>();
  map.set(map, map);
  const arrived = roundTrip(map);
  expect(arrived.get(arrived)).toBe(arrived);
});

test("100,000 levels of nesting arrive", () => {
  let deep: unknown = "bottom";
  for (let level = 0; level < 100_000; level++) deep = level % 2 === 0 ? [deep] : { deep };
  let arrived = roundTrip(deep);
  for (let level = 0; level < 100_000; level++) arrived = Object.values(arrived as object)[0];
  expect(arrived).toBe("bottom");
});

test("toJSON is never called", () => {
  const value = { a: 1, toJSON: "a field" };
  expect(roundTrip(value)).toEqual(value);
  class Celsius {
    degrees = 3;
    toJSON() {
      return "never";
    }
  }
  expect(roundTrip(new Celsius())).toEqual({ degrees: 3 });
});

test("plain objects of another realm and without a prototype arrive plain", () => {
  const foreign = vm.runInNewContext(
    "({ list: [1, new Map([[1, new Date(3)]])], error: new TypeError('x') })",
  );
  const arrived = roundTrip(foreign) as { list: [number, Map<number, Date>]; error: Error };
  expect(arrived.list).toStrictEqual([1, new Map([[1, new Date(3)]])]);
  expect(arrived.error).toBeInstanceOf(TypeError);
  expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 });
});

/* ------------------------------------------------------------------------------------------------------- binary */

test("large binary is out of band and copied neither way", () => {
  const big = new Float64Array(10_000).fill(0.5);
  const encoded = encode({ big, note: "x" });
  expect(encoded.buffers.map((buffer) => buffer.buffer)).toEqual([big.buffer]);
  expect(encoded.meta.byteLength).toBeLessThan(200);
  expect(encoded.byteLength).toBe(encoded.meta.byteLength + big.byteLength);
  const arrived = decodeValue(encoded) as { big: Float64Array };
  expect(arrived.big).toStrictEqual(big);
  expect(arrived.big.buffer).toBe(big.buffer);
});

test("a buffer that does not begin where its type can is copied", () => {
  const { meta, buffers } = encode(new Float64Array(10_000).fill(0.5));
  const moved = new Uint8Array(buffers[0]!.byteLength + 3);
  moved.set(buffers[0]!, 3);
  const arrived = decodeValue({ meta, buffers: [moved.subarray(3)] });
  expect(arrived).toStrictEqual(new Float64Array(10_000).fill(0.5));
});

test("a view costs its part, not its buffer", () => {
  const large = new Uint8Array(1_000_000).fill(7);
  const encoded = encode([large.subarray(10, 20), Buffer.from("small")]);
  expect(encoded.byteLength).toBeLessThan(200);
  expect(decodeValue(encoded)).toStrictEqual([new Uint8Array(10).fill(7), Buffer.from("small")]);
  const [view] = roundTrip([Buffer.from("pooled")]);
  expect(view!.buffer.byteLength).toBe(6);
});

test("memory that views share is sent once and shared on arrival", () => {
  const buffer = new ArrayBuffer(64_000);
  const value = { bytes: new Uint8Array(buffer), words: new Uint32Array(buffer, 4, 100), buffer };
  const encoded = encode(value);
  expect(encoded.buffers.length).toBe(1);
  const arrived = decodeValue(structuredClone(encoded)) as typeof value;
  arrived.bytes[4] = 9;
  expect(arrived.words[0]).toBe(9);
  expect(arrived.words.buffer).toBe(arrived.buffer);
});

test("overlapping views off alignment arrive sharing", () => {
  const buffer = new ArrayBuffer(64);
  const value = [
    new Uint8Array(buffer, 3, 20),
    new Float64Array(buffer, 16, 2),
    new Uint8Array(buffer, 50, 2),
  ];
  (value[0] as Uint8Array).fill(1);
  const [bytes, floats, apart] = roundTrip(value) as [Uint8Array, Float64Array, Uint8Array];
  expect([bytes, floats, apart]).toStrictEqual(value);
  expect(floats.buffer).toBe(bytes.buffer);
  expect(apart.buffer).not.toBe(bytes.buffer);
});

test("a subclass of a typed array arrives as what it extends", () => {
  class Pixels extends Uint8Array {}
  const told: string[] = [];
  const encoded = encodeValue(
    { p: new Pixels([1]) },
    { what, onPrototypeLost: (path, name) => told.push(path, name) },
  );
  expect(decodeValue(encoded)).toStrictEqual({ p: new Uint8Array([1]) });
  expect(told).toEqual(["argument 1.p", "Pixels"]);
});

/* ------------------------------------------------------------------------------------------------------- errors */

test("an error keeps class, message, stack, cause and fields", () => {
  const cause = new RangeError("out");
  const error = Object.assign(new TypeError("bad", { cause }), { code: "E_BAD", at: new Date(1) });
  const arrived = roundTrip(error);
  expect(arrived).toBeInstanceOf(TypeError);
  expect(arrived).toMatchObject({ message: "bad", stack: error.stack, code: "E_BAD", at: new Date(1) });
  expect(arrived.cause).toBeInstanceOf(RangeError);
  expect(Object.keys(arrived)).toEqual(["code", "at"]);
});

test("an AggregateError keeps its errors, and a cycle of causes closes", () => {
  const inner = new Error("inner");
  const error = new AggregateError([inner, "text"], "both");
  inner.cause = error;
  const arrived = roundTrip(error);
  expect(arrived).toBeInstanceOf(AggregateError);
  expect(arrived.errors[1]).toBe("text");
  expect(arrived.errors[0].cause).toBe(arrived);
});

test("an error of a user's class arrives as Error with its name", () => {
  class QuotaError extends Error {
    override name = "QuotaError";
  }
  const arrived = roundTrip(new QuotaError("spent"));
  expect(Object.getPrototypeOf(arrived)).toBe(Error.prototype);
  expect(`${arrived}`).toBe("QuotaError: spent");
});

test("what cannot travel is left out of errors, and only of them", () => {
  const config = { retry: () => 1, url: "x" };
  const error = Object.assign(new Error("client"), { request: new PassThrough(), config });
  expect(Object.keys(roundTrip(error))).toEqual(["config"]);
  expect((roundTrip(error) as typeof error).config).toEqual({ url: "x" });
  expect(() => encode([error, config])).toThrow("[1].retry");
});

/* -------------------------------------------------------------------------------------------------- what cannot */

const refused: [name: string, value: unknown, says: RegExp][] = [
  [
    "a function",
    { options: { onDone: function onDone() {} } },
    /^Argument 1\.options\.onDone of task "count" is a function \(onDone\),.*import/,
  ],
  ["a Proxy of a function", [new Proxy(() => 1, {})], /^Argument 1\[0\] .* is a function/],
  ["a symbol", new Map([["k", Symbol("s")]]), /^Argument 1\.get\("k"\) .* is a symbol \(Symbol\(s\)\)/],
  ["a Promise", [[Promise.resolve(1)]], /\[0\]\[0\] .* is a Promise.*await/],
  ["a WeakMap", new Set([new WeakMap()]), /\.values\(\)\[0\] .* is a WeakMap.*a Map/],
  ["a stream", { "the file": new PassThrough() }, /\["the file"\] .* is a PassThrough, an open resource/],
  ["a server", { server: createServer() }, /\.server .* is a Server, an open resource/],
  ["an AbortSignal", { signal: new AbortController().signal }, /\.signal .* is a AbortSignal/],
  ["a URL", new URL("http://x"), /^Argument 1 of .* is a URL.*href/],
  ["an iterator", [].values(), /Array Iterator.*pass an array/],
  ["a Proxy of a Map", new Proxy(new Map(), {}), /is a Proxy of a Map/],
  ["shared memory", new Uint8Array(new SharedArrayBuffer(8)), /SharedArrayBuffer.*slice/],
  ["a SharedArrayBuffer", new SharedArrayBuffer(8), /SharedArrayBuffer/],
  ["a boxed symbol", Object(Symbol("s")), /boxed symbol/],
];

for (const [name, value, says] of refused) {
  test(`${name} is refused with its path and what to do`, () => {
    expect(() => encode(value)).toThrow(NotSerializableError);
    expect(() => encode(value)).toThrow(says);
  });
}

test("the error has the path as a field", () => {
  const path = (value: unknown): string => {
    try {
      encode(value);
    } catch (error) {
      return (error as NotSerializableError).path;
    }
    return "";
  };
  expect(path({ options: [{ onDone() {} }] })).toBe("argument 1.options[0].onDone");
});

test("transferred memory and getters that throw are refused", () => {
  const buffer = new ArrayBuffer(8);
  const view = new Uint8Array(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  expect(() => encode(view)).toThrow("was transferred");
  const value = {
    get broken() {
      throw new Error("not today");
    },
  };
  expect(() => encode(value)).toThrow(/^Argument 1 of task "count" is not readable: not today/);
});

test("an instance arrives as a plain object, told once a class", () => {
  class Point {
    x = 1;
    #secret = 2;
    sum() {
      return this.x + this.#secret;
    }
  }
  const told: string[] = [];
  const value = { points: [new Point(), new Point()] };
  const encoded = encodeValue(value, { what, onPrototypeLost: (path, name) => told.push(`${path} ${name}`) });
  expect(decodeValue(encoded)).toStrictEqual({ points: [{ x: 1 }, { x: 1 }] });
  expect(told).toEqual(["argument 1.points[0] Point"]);
});

/* -------------------------------------------------------------------------------------------------- references */

class Future {
  readonly index: number;
  constructor(index: number) {
    this.index = index;
  }
}
class Futures extends Array<Future> {}

const replace = (value: object) => {
  if (value instanceof Futures) return new RefRange(value[0]!.index, value.length);
  return value instanceof Future ? new Ref(value.index) : undefined;
};
const resolve = (ref: Ref | RefRange) =>
  ref instanceof Ref ? { value: ref.index } : Array.from({ length: ref.count }, (_, at) => ref.start + at);

test("futures are replaced wherever they are, and resolved once each", () => {
  const future = new Future(4);
  const value = { one: future, same: [future], all: Futures.from([new Future(1), new Future(2)]) };
  const arrived = decodeValue(encodeValue(value, { what, replace }), resolve) as Record<string, unknown>;
  expect(arrived).toStrictEqual({ one: { value: 4 }, same: [{ value: 4 }], all: [1, 2] });
  expect((arrived["same"] as unknown[])[0]).toBe(arrived["one"]);
  expect(decodeValue(encodeValue(future, { what, replace }), resolve)).toStrictEqual({ value: 4 });
});

test("an error of the resolver is passed on, and a value that must stand alone says so", () => {
  const encoded = encodeValue([new Future(1)], { what, replace });
  const fail = () => {
    throw new RangeError("gone");
  };
  expect(() => decodeValue(encoded, fail)).toThrow(RangeError);
  expect(() => decodeValue(encoded)).toThrow("refers to others");
});

/* ----------------------------------------------------------------------------------------------------- the rest */

test("what is inline survives msgpackr as it is", () => {
  for (const value of [1, -1.5, Number.NaN, "text", "ä", true, null, undefined]) {
    expect(isInline(value)).toBe(true);
    expect(unpack(pack(value))).toBe(value);
  }
  for (const value of [-0, 1n, "\ud800", "x".repeat(1025), {}, [], () => 1])
    expect(isInline(value)).toBe(false);
});

test("a large value does not keep its memory alive through small ones", () => {
  encode("x".repeat(5_000_000));
  const small: Encoded = encode([1, 2]);
  expect(small.meta.buffer.byteLength).toBeLessThan(64 * 1024);
});
