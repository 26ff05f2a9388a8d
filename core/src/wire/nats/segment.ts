import { MusterError } from "../../base/errors.ts";

/**
 * What one message of a stream over NATS carries, ahead of its bytes: a flag byte, and three numbers of 32 bits that go
 * round: the segment's own number, the number that its sender expects next from the other side, and up to how many
 * bytes in all, counted from the beginning, the other side may send.
 */
export const SEGMENT_HEADER_BYTES = 13;

export const SegmentFlag = {
  /** It has a number of its own, and is to be kept until the other side has it. */
  numbered: 1,
  /** The first of its stream. */
  opens: 2,
  /** The last of this direction. */
  ends: 4,
  /** There is no such stream any more. */
  resets: 8,
  /** What is missing from `expects` on is to be sent again. */
  again: 16,
  /** An answer is wanted at once. */
  asks: 32,
} as const;

export interface Segment {
  readonly flags: number;
  /** Of this one, when it is numbered; else of the next that will be. */
  readonly number: number;
  readonly expects: number;
  readonly credit: number;
  /** A view of the message. */
  readonly body: Uint8Array;
}

/** @param parts are copied */
export function packSegment(
  { flags, number, expects, credit }: Omit<Segment, "body">,
  parts: readonly Uint8Array[] = [],
): Uint8Array {
  const bytes = parts.reduce((sum, part) => sum + part.byteLength, SEGMENT_HEADER_BYTES);
  const message = Buffer.allocUnsafe(bytes);
  writeHeader(message, { flags, number, expects, credit });
  let at = SEGMENT_HEADER_BYTES;
  for (const part of parts) {
    message.set(part, at);
    at += part.byteLength;
  }
  return message;
}

/** Writes the header anew: a segment that is sent again says what is true now. */
export function writeHeader(message: Uint8Array, header: Omit<Segment, "body">): void {
  const view = new DataView(message.buffer, message.byteOffset, SEGMENT_HEADER_BYTES);
  view.setUint8(0, header.flags);
  view.setUint32(1, header.number);
  view.setUint32(5, header.expects);
  view.setUint32(9, header.credit);
}

/** @throws MusterError `PROTOCOL` */
export function readSegment(message: Uint8Array): Segment {
  if (message.byteLength < SEGMENT_HEADER_BYTES)
    throw new MusterError("PROTOCOL", "A message of a stream ends before its header.");
  const view = new DataView(message.buffer, message.byteOffset, SEGMENT_HEADER_BYTES);
  return {
    flags: view.getUint8(0),
    number: view.getUint32(1),
    expects: view.getUint32(5),
    credit: view.getUint32(9),
    body: message.subarray(SEGMENT_HEADER_BYTES),
  };
}
