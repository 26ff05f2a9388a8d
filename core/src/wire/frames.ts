import { MusterError } from "../base/errors.ts";

/**
 * A frame on a stream: the length of what follows (uint32, little endian), one byte that says its type, its body.
 */
export const FRAME_HEADER_BYTES = 5;

/**
 * The largest body that follows one header. A larger one comes in pieces, each with a header of its own, so that a
 * length alone never makes a reader take much memory.
 */
export const MAX_PIECE_BYTES = 2 * 1024 * 1024;

/** The largest body of all pieces together: no message can be packed that is larger. */
const MAX_BODY_BYTES = 2 ** 31;

/** In the byte of the type: more pieces follow. Types are smaller than that. */
const MORE_FOLLOWS = 0x80;

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
  let bytes = 0;
  for (const part of body) bytes += part.byteLength;
  return bytes <= MAX_PIECE_BYTES ? [frameHeader(type, bytes), ...body] : inPieces(type, body, bytes);
}

function frameHeader(type: number, bodyBytes: number): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  writeFrameHeader(header, type, { at: 0, bodyBytes });
  return header;
}

/** Nothing is copied: a piece consists of views of the body's parts. */
function inPieces(type: number, body: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let left = bytes;
  let leftOfPiece = 0;
  for (const part of body) {
    for (let at = 0; at < part.byteLength; ) {
      if (leftOfPiece === 0) {
        leftOfPiece = Math.min(left, MAX_PIECE_BYTES);
        parts.push(frameHeader(left > leftOfPiece ? type | MORE_FOLLOWS : type, leftOfPiece));
      }
      const view = part.subarray(at, at + leftOfPiece);
      parts.push(view);
      at += view.byteLength;
      left -= view.byteLength;
      leftOfPiece -= view.byteLength;
    }
  }
  return parts;
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
  /** Of a frame whose last piece has not come. */
  #pieces: { readonly type: number; readonly bodies: Buffer[]; bytes: number } | undefined;

  constructor(maxBytes: number = MAX_PIECE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** @throws MusterError `PROTOCOL` for a frame of no or too great a length */
  push(chunk: Buffer, onFrame: (type: number, body: Buffer) => void): void {
    const onPiece = (type: number, body: Buffer): void => {
      if (type < MORE_FOLLOWS && this.#pieces === undefined) onFrame(type, body);
      else this.#addPiece(type, body, onFrame);
    };
    let at = 0;
    while (at < chunk.length) {
      if (this.#body !== undefined) {
        at += this.#fillBody(chunk, at, onPiece);
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
        onPiece(type, body);
      } else {
        this.#body = Buffer.allocUnsafeSlow(bodyBytes);
        this.#bodyBytes = 0;
      }
    }
  }

  #fillBody(chunk: Buffer, at: number, onPiece: (type: number, body: Buffer) => void): number {
    const body = this.#body!;
    const take = Math.min(body.length - this.#bodyBytes, chunk.length - at);
    chunk.copy(body, this.#bodyBytes, at, at + take);
    this.#bodyBytes += take;
    if (this.#bodyBytes === body.length) {
      this.#body = undefined;
      onPiece(this.#header[4]!, body);
    }
    return take;
  }

  #addPiece(type: number, body: Buffer, onFrame: (type: number, body: Buffer) => void): void {
    const ofFrame = type & ~MORE_FOLLOWS;
    this.#pieces ??= { type: ofFrame, bodies: [], bytes: 0 };
    const pieces = this.#pieces;
    pieces.bytes += body.length;
    if (pieces.type !== ofFrame || pieces.bytes > MAX_BODY_BYTES)
      throw new MusterError("PROTOCOL", "The pieces of a frame do not belong together, or are too many.");
    pieces.bodies.push(body);
    if (type >= MORE_FOLLOWS) return;
    this.#pieces = undefined;
    onFrame(ofFrame, Buffer.concat(pieces.bodies, pieces.bytes));
  }
}
