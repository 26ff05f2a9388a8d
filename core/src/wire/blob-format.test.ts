import { expect, test } from "vitest";
import { flatten, layoutParts, unflatten } from "./blob-format.ts";
import { decodeValue, encodeValue } from "./values.ts";

const options = { what: "the result" };
const values: Record<string, unknown> = {
  "a small value": [1, 2, "x"],
  "one buffer": { data: new Float64Array(5000).fill(1.5) },
  "three buffers of odd lengths": [16_385, 20_001, 30_000].map((length) => new Uint8Array(length).fill(3)),
};

for (const [name, value] of Object.entries(values)) {
  test(`${name}: comes out of its layout as it went in`, () => {
    const encoded = encodeValue(value, options);
    const bytes = flatten(encoded);
    expect(Buffer.concat(layoutParts(encoded)).equals(bytes)).toBe(true);
    expect(decodeValue(unflatten(bytes))).toStrictEqual(value);
  });
}

test("buffers begin at multiples of 64 and are read in place", () => {
  const bytes = flatten(encodeValue(values["three buffers of odd lengths"], options));
  const { buffers } = unflatten(bytes);
  expect(buffers.map((buffer) => buffer.byteOffset % 64)).toEqual([0, 0, 0]);
  for (const buffer of buffers) expect(buffer.buffer).toBe(bytes.buffer);
});

test("large buffers are parts as they are", () => {
  const data = new Uint8Array(20_000);
  const parts = layoutParts(encodeValue(data, options));
  expect(parts.some((part) => part.buffer === data.buffer)).toBe(true);
});

test("bytes cut short, with bytes added, or of another kind are a PROTOCOL error", () => {
  const bytes = flatten(encodeValue(values["one buffer"], options));
  const protocol = expect.objectContaining({ code: "PROTOCOL" });
  for (let length = 0; length < bytes.byteLength; length += length < 200 ? 1 : 997) {
    expect(() => unflatten(bytes.subarray(0, length))).toThrow(protocol);
  }
  expect(() => unflatten(Buffer.concat([bytes, Buffer.from([0])]))).toThrow(protocol);
  expect(() => unflatten(Uint8Array.of(2, 0))).toThrow(protocol);
  expect(() => unflatten(Uint8Array.of(1, 255, 255, 255, 255, 255, 255, 255, 255))).toThrow(protocol);
});
