import fc from "fast-check";
import { expect, test } from "vitest";
import { MusterError } from "../base/errors.ts";
import { FRAME_HEADER_BYTES, FrameReader, frameParts, MAX_PIECE_BYTES } from "./frames.ts";

/** Frames as a reader gives them, kept beyond the call. */
function framesOf(chunks: readonly Buffer[], reader = new FrameReader()): { type: number; body: string }[] {
  const frames: { type: number; body: string }[] = [];
  for (const chunk of chunks)
    reader.push(chunk, (type, body) => frames.push({ type, body: body.toString("latin1") }));
  return frames;
}

const text = (value: string): Buffer => Buffer.from(value, "latin1");
const SENT = [
  { type: 1, body: "" },
  { type: 127, body: "a body" },
  { type: 7, body: "x".repeat(300) },
  { type: 0, body: "" },
];
const STREAM = Buffer.concat(SENT.flatMap(({ type, body }) => frameParts(type, text(body))));

test("frames arrive as they were, wherever the stream is cut in two", () => {
  for (let cut = 0; cut <= STREAM.length; cut++) {
    expect(framesOf([STREAM.subarray(0, cut), STREAM.subarray(cut)])).toEqual(SENT);
  }
});

test("and byte by byte, or in any pieces", () => {
  expect(framesOf([...STREAM].map((byte) => Buffer.from([byte])))).toEqual(SENT);
  fc.assert(
    fc.property(fc.array(fc.nat(STREAM.length)), (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), STREAM.length];
      const chunks = places.slice(1).map((end, index) => STREAM.subarray(places[index], end));
      expect(framesOf(chunks)).toEqual(SENT);
    }),
  );
});

test("the parts of a body are not copied, and arrive as one", () => {
  const parts = [text("one "), text("two "), text("three")];
  expect(frameParts(9, ...parts).slice(1)).toEqual(parts);
  expect(frameParts(9, ...parts)[1]).toBe(parts[0]);
  expect(framesOf(frameParts(9, ...parts).map(Buffer.from))).toEqual([{ type: 9, body: "one two three" }]);
});

test("a body of any length arrives as one, though no header announces more than a piece", () => {
  for (const length of [
    MAX_PIECE_BYTES - 1,
    MAX_PIECE_BYTES,
    MAX_PIECE_BYTES + 1,
    3 * MAX_PIECE_BYTES,
    70 * 2 ** 20,
  ]) {
    const body = Buffer.alloc(length, "0123456789abcde");
    const parts = frameParts(9, text("before "), body.subarray(0, 100), body.subarray(100), text(" after"));
    const seen: { type: number; bytes: Buffer }[] = [];
    const reader = new FrameReader();
    for (const part of [...parts, ...frameParts(3, text("the next"))])
      reader.push(Buffer.from(part.buffer, part.byteOffset, part.byteLength), (type, bytes) =>
        seen.push({ type, bytes: Buffer.from(bytes) }),
      );
    expect(seen.map(({ type }) => type)).toEqual([9, 3]);
    expect(seen[0]!.bytes.equals(Buffer.concat([text("before "), body, text(" after")]))).toBe(true);
    expect(seen[1]!.bytes.toString()).toBe("the next");
  }
});

test("pieces of another frame in between are refused", () => {
  const read = () => framesOf([Buffer.from([2, 0, 0, 0, 0x80 | 9, 1]), Buffer.from([2, 0, 0, 0, 8, 1])]);
  expect(read).toThrow(expect.objectContaining({ code: "PROTOCOL" }));
});

test("a frame that announces nothing, or more than is taken, is refused before its body comes", () => {
  const largest = text("x".repeat(100));
  expect(framesOf([Buffer.concat(frameParts(1, largest))], new FrameReader(100))).toHaveLength(1);
  const [tooLarge] = frameParts(1, largest, text("x"));
  const ofNoLength = Buffer.alloc(FRAME_HEADER_BYTES);
  const huge = Buffer.from([0xff, 0xff, 0xff, 0xff, 1]);
  for (const header of [tooLarge as Buffer, ofNoLength, huge]) {
    const read = () => framesOf([header], new FrameReader(100));
    expect(read).toThrow(MusterError);
    expect(read).toThrow(expect.objectContaining({ code: "PROTOCOL" }));
  }
});
