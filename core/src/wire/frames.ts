import { MusterError } from "../base/errors.ts";

/**
 * A frame on a stream: the length of what follows (uint32, little endian), one byte that says its type, its body.
 */
export const FRAME_HEADER_BYTES = 5;

/** The largest frame that is taken from a peer. What is larger travels as a blob, in pieces. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** Writes the header of a frame whose body has `bodyBytes` bytes to five bytes of `target`, from `at` on. */
export function writeFrameHeader(
  target: Uint8Array,
  type: number,
  place: { at: number; bodyBytes: number },
): void {
  const { at } = place;
  const length = place.bodyBytes + 1;
  target[at] = length & 0xff;
  target[at + 1] = (length >>> 8) & 0xff;
  target[at + 2] = (length >>> 16) & 0xff;
  target[at + 3] = (length >>> 24) & 0xff;
  target[at + 4] = type;
}

/** The parts of one frame, ready to be written one after another. */
export function frameParts(type: number, ...body: Uint8Array[]): Uint8Array[] {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  let bytes = 0;
  for (const part of body) bytes += part.byteLength;
  writeFrameHeader(header, type, { at: 0, bodyBytes: bytes });
  return [header, ...body];
}

/**
 * Cuts a stream into frames. A body is a view of the chunk that it came in, or, when it came in several, of a
 * buffer made for it: whoever keeps it beyond the call keeps that memory.
 */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  #body: Buffer | undefined;
  #bodyBytes = 0;

  constructor(maxBytes: number = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** @throws MusterError `PROTOCOL` for a frame of no or too great a length */
  push(chunk: Buffer, onFrame: (type: number, body: Buffer) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#body !== undefined) {
        at += this.#fillBody(chunk, at, onFrame);
        continue;
      }
      const take = Math.min(FRAME_HEADER_BYTES - this.#headerBytes, chunk.length - at);
      chunk.copy(this.#header, this.#headerBytes, at, at + take);
      this.#headerBytes += take;
      at += take;
      if (this.#headerBytes < FRAME_HEADER_BYTES) return;
      this.#headerBytes = 0;
      const bodyBytes = this.#header.readUInt32LE(0) - 1;
      if (bodyBytes < 0 || bodyBytes > this.#maxBytes) {
        throw new MusterError(
          "PROTOCOL",
          `A frame announces ${bodyBytes + 1} bytes; at most ${this.#maxBytes} are taken.`,
        );
      }
      const type = this.#header[4]!;
      if (chunk.length - at >= bodyBytes) {
        const body = chunk.subarray(at, at + bodyBytes);
        at += bodyBytes;
        onFrame(type, body);
      } else {
        this.#body = Buffer.allocUnsafeSlow(bodyBytes);
        this.#bodyBytes = 0;
      }
    }
  }

  #fillBody(chunk: Buffer, at: number, onFrame: (type: number, body: Buffer) => void): number {
    const body = this.#body!;
    const take = Math.min(body.length - this.#bodyBytes, chunk.length - at);
    chunk.copy(body, this.#bodyBytes, at, at + take);
    this.#bodyBytes += take;
    if (this.#bodyBytes === body.length) {
      this.#body = undefined;
      onFrame(this.#header[4]!, body);
    }
    return take;
  }
}
