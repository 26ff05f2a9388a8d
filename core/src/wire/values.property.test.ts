import { isDeepStrictEqual } from "node:util";
import v8 from "node:v8";
import fc from "fast-check";
import { unpack } from "msgpackr";
import { expect, test } from "vitest";
import { MusterError } from "../base/errors.ts";
import { flatten, unflatten } from "./blob-format.ts";
import { decodeValue, type Encoded, encodeValue, isInline } from "./values.ts";

const options = { what: "argument 1" };

const anything = fc.anything({
  key: fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("__proto__", "constructor", "toJSON", "length", "0"),
  ),
  values: [
    fc.double(),
    fc.integer(),
    fc.bigInt(),
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
    fc.boolean(),
    fc.constantFrom(undefined, null, -0),
  ],
  maxDepth: 4,
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
});

/** Trees in which anything may be met twice. */
const withSharing = fc.tuple(anything, anything).map(([a, b]) => ({ a, again: [a, b, { b }] }));

function throughBytes(value: unknown): unknown {
  return decodeValue(
    unflatten(Buffer.concat([Buffer.alloc(3), flatten(encodeValue(value, options))]).subarray(3)),
  );
}

test("anything arrives as it was", () => {
  fc.assert(
    fc.property(fc.oneof(anything, withSharing), (value) => {
      expect(isDeepStrictEqual(throughBytes(value), value)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("anything arrives as structured clone would bring it", () => {
  fc.assert(
    fc.property(fc.oneof(anything, withSharing), (value) => {
      expect(isDeepStrictEqual(throughBytes(value), v8.deserialize(v8.serialize(value)))).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test("what is inline is not changed by msgpackr", () => {
  fc.assert(
    fc.property(anything, (value) => {
      if (isInline(value)) expect(unpack(encodeValue(value, options).meta)).toBe(value);
    }),
    { numRuns: 2000 },
  );
});

/** Decodes it, or throws the one error that damage may cause; whatever else comes out fails the test. */
function survives(parts: Pick<Encoded, "meta" | "buffers">): void {
  try {
    decodeValue(parts, () => null);
  } catch (error) {
    if (!(error instanceof MusterError) || error.code !== "PROTOCOL") throw error;
  }
}

const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
const examples: readonly unknown[] = [
  { id: 7, name: "task", tags: ["a", "b"], nested: { list: [1, 2.5, true, null] } },
  [
    new Map([["k", new Set([1])]]),
    new Date(3),
    /x/g,
    2n ** 90n,
    Object(1),
    Object.assign(new Array(4), { 1: "x" }),
  ],
  [
    new Float64Array(3),
    new DataView(new ArrayBuffer(9)),
    new ArrayBuffer(4),
    Buffer.from("x"),
    new Uint8Array(20_000),
  ],
  Object.assign(new AggregateError([new Error("x")], "y", { cause: 3 }), { code: "E" }),
  ["\ud800", -0, { "\ud800": undefined }, "long text ".repeat(30)],
];

for (const [index, example] of examples.entries()) {
  test(`damaged bytes decode or are a PROTOCOL error (${index})`, () => {
    const { meta, buffers } = encodeValue(example, options);
    for (let length = 0; length < meta.length; length++)
      survives({ meta: meta.subarray(0, length), buffers });
    fc.assert(
      fc.property(damage, (changes) => {
        const damaged = Buffer.from(meta);
        for (const [at, byte] of changes) damaged[at % damaged.length] = byte;
        survives({ meta: damaged, buffers });
      }),
      { numRuns: 2000 },
    );
  });
}

test("random bytes decode or are a PROTOCOL error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (bytes, graph) => {
      survives({ meta: graph ? Buffer.concat([Buffer.from([0xc1, 0x93]), bytes]) : bytes, buffers: [] });
    }),
    { numRuns: 4000 },
  );
});

test("a few bytes that announce much take no memory", () => {
  const before = process.memoryUsage.rss();
  const announcing = [
    [0xdd, 0xff, 0xff, 0xff, 0xff],
    [0xdf, 0xff, 0xff, 0xff, 0xff],
    [0xdb, 0xff, 0xff, 0xff, 0xff],
    [0xc6, 0xff, 0xff, 0xff, 0xff],
    // a sparse array of 30 million
    [0xc1, 0x93, 0x91, 0, 0x91, 0x94, 2, 0xce, 0x01, 0xc9, 0xc3, 0x80, 5, 6, 0x90],
    Array.from({ length: 100_000 }, () => 0x91),
    [0xc1, ...Array.from({ length: 100_000 }, () => 0x9f)],
  ];
  for (const bytes of announcing) survives({ meta: Buffer.from(bytes), buffers: [] });
  expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
});
