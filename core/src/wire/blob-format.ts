import { MusterError } from "../base/errors.ts";
import type { Encoded } from "./values.ts";

/*
 * One run of bytes for an encoded value as a whole, in little endian:
 *
 *     0, meta                                                    without buffers
 *     1, u32 count, u32 bytes of meta, count × f64 bytes of a buffer, meta, then each buffer from a multiple of 64 on
 */

const WITHOUT_BUFFERS = 0;
const WITH_BUFFERS = 1;
const TABLE_AT = 9;
const LENGTH_BYTES = 8;
/** What every typed array and a cache line are content with. */
const ALIGNMENT = 64;

const NO_TABLE = Uint8Array.of(WITHOUT_BUFFERS);
const ZEROS = new Uint8Array(ALIGNMENT);
const NO_BUFFERS: readonly Uint8Array[] = [];

type Parts = Pick<Encoded, "meta" | "buffers">;

/** The layout as parts to write one after another; large buffers are not copied. */
export function layoutParts({ meta, buffers }: Parts): Uint8Array[] {
  if (buffers.length === 0) return [NO_TABLE, meta];
  const table = new DataView(new ArrayBuffer(TABLE_AT + buffers.length * LENGTH_BYTES));
  table.setUint8(0, WITH_BUFFERS);
  table.setUint32(1, buffers.length, true);
  table.setUint32(5, meta.byteLength, true);
  const parts = [new Uint8Array(table.buffer), meta];
  let end = table.byteLength + meta.byteLength;
  for (const [index, buffer] of buffers.entries()) {
    table.setFloat64(TABLE_AT + index * LENGTH_BYTES, buffer.byteLength, true);
    const padding = alignedUp(end) - end;
    if (padding > 0) parts.push(ZEROS.subarray(0, padding));
    parts.push(buffer);
    end += padding + buffer.byteLength;
  }
  return parts;
}

/** The layout in memory of its own, with one copy. */
export function flatten(value: Parts): Uint8Array<ArrayBuffer> {
  const { meta, buffers } = value;
  if (buffers.length === 0) {
    const bytes = new Uint8Array(meta.byteLength + 1); // begins with 0
    bytes.set(meta, 1);
    return bytes;
  }
  const parts = layoutParts(value);
  let length = 0;
  for (const part of parts) length += part.byteLength;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

/**
 * The parts of a layout, as views of it.
 * @throws MusterError `PROTOCOL` for bytes that are no layout
 */
export function unflatten(bytes: Uint8Array): { meta: Uint8Array; buffers: readonly Uint8Array[] } {
  if (bytes[0] === WITHOUT_BUFFERS) return { meta: bytes.subarray(1), buffers: NO_BUFFERS };
  if (bytes[0] !== WITH_BUFFERS) throw damaged("it does not begin as one");
  if (bytes.byteLength < TABLE_AT) throw damaged("it ends before its table");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(1, true);
  const metaAt = TABLE_AT + count * LENGTH_BYTES;
  let end = metaAt + view.getUint32(5, true);
  if (end > bytes.byteLength) throw damaged("it ends within its table");
  const meta = bytes.subarray(metaAt, end);
  const buffers: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const length = view.getFloat64(TABLE_AT + index * LENGTH_BYTES, true);
    const start = alignedUp(end);
    if (!Number.isSafeInteger(length) || length < 0 || start + length > bytes.byteLength) {
      throw damaged(`it ends within buffer ${index} of ${count}`);
    }
    end = start + length;
    buffers.push(bytes.subarray(start, end));
  }
  if (end !== bytes.byteLength) throw damaged(`${bytes.byteLength - end} bytes follow its end`);
  return { meta, buffers };
}

function alignedUp(offset: number): number {
  return Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
}

function damaged(why: string): MusterError {
  return new MusterError("PROTOCOL", `The bytes of a value are damaged or cut short: ${why}.`);
}
