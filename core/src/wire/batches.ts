import { MusterError } from "../base/errors.ts";
import type { TaskBodies } from "./envelope.ts";
import { packMessage } from "./message.ts";

/** Tasks for one lane: a table of numbers, and one pack of all bodies. */
export interface TaskBatch<Numbers extends ArrayLike<number> = ArrayLike<number>> {
  readonly ids: Numbers;
  readonly attempts: Numbers;
  /** The number of the function of each, and in its highest bits the `Haste` of its end. */
  readonly functions: Numbers;
}

/** How soon the end of a task is to be told: with others', soon, or at once. */
export const Haste = { none: 0, soon: 1, atOnce: 2 } as const;
export type HasteNumber = (typeof Haste)[keyof typeof Haste];

const HASTE_BIT = 30;
const FUNCTION_MASK = (1 << HASTE_BIT) - 1;

export function withHaste(functionIndex: number, haste: HasteNumber): number {
  return functionIndex + haste * 2 ** HASTE_BIT;
}

export function functionOf(word: number): number {
  return word & FUNCTION_MASK;
}

export function hasteOf(word: number): HasteNumber {
  return (word >>> HASTE_BIT) as HasteNumber;
}

const BATCH_HEADER_BYTES = 4;

export function packTasks(batch: TaskBatch, bodies: TaskBodies): Buffer[] {
  const count = batch.ids.length;
  const header = Buffer.allocUnsafe(BATCH_HEADER_BYTES + count * 12);
  const words = new Uint32Array(header.buffer, header.byteOffset, 1 + count * 3);
  words[0] = count;
  words.set(batch.ids, 1);
  words.set(batch.attempts, 1 + count);
  words.set(batch.functions, 1 + count * 2);
  return [header, packMessage(bodies)];
}

/** @throws MusterError `PROTOCOL` when the bytes are no batch */
export function readTaskBatch(body: Uint8Array): TaskBatch<Uint32Array> & { readonly bodiesAt: number } {
  const [count, words] = readTable(body, 3);
  return {
    ids: words.subarray(1, 1 + count),
    attempts: words.subarray(1 + count, 1 + count * 2),
    functions: words.subarray(1 + count * 2, 1 + count * 3),
    bodiesAt: BATCH_HEADER_BYTES + count * 12,
  };
}

export const ReportKind = { success: 0, failure: 1, timeout: 2, cancelled: 3 } as const;
export type ReportKindNumber = (typeof ReportKind)[keyof typeof ReportKind];

/** Ends of attempts on one lane, in the same form. Durations are microseconds. */
export interface ReportBatch<Numbers extends ArrayLike<number> = ArrayLike<number>> {
  readonly ids: Numbers;
  readonly attempts: Numbers;
  readonly kinds: Numbers;
  readonly durationsUs: Numbers;
}

/** An array of msgpack that has its length in four bytes. */
const ARRAY_32 = 0xdd;
const ARRAY_HEADER_BYTES = 5;

export function packReports(batch: ReportBatch, outcomes: readonly unknown[]): Uint8Array<ArrayBuffer> {
  return writeReports(batch, Buffer.concat(outcomes.map((outcome) => packMessage(outcome))));
}

/**
 * In a buffer of its own, so that it can move to another thread.
 * @param outcomes as many packed messages, one after another
 */
export function writeReports(batch: ReportBatch, outcomes: Uint8Array): Uint8Array<ArrayBuffer> {
  const count = batch.ids.length;
  const outcomesAt = BATCH_HEADER_BYTES + count * 16;
  const body = new Uint8Array(outcomesAt + ARRAY_HEADER_BYTES + outcomes.length);
  const words = new Uint32Array(body.buffer, 0, 1 + count * 4);
  words[0] = count;
  words.set(batch.ids, 1);
  words.set(batch.attempts, 1 + count);
  words.set(batch.kinds, 1 + count * 2);
  words.set(batch.durationsUs, 1 + count * 3);
  body[outcomesAt] = ARRAY_32;
  new DataView(body.buffer).setUint32(outcomesAt + 1, count);
  body.set(outcomes, outcomesAt + ARRAY_HEADER_BYTES);
  return body;
}

/** @throws MusterError `PROTOCOL` when the bytes are no batch */
export function readReportBatch(
  body: Uint8Array,
): ReportBatch<Uint32Array> & { readonly outcomesAt: number } {
  const [count, words] = readTable(body, 4);
  return {
    ids: words.subarray(1, 1 + count),
    attempts: words.subarray(1 + count, 1 + count * 2),
    kinds: words.subarray(1 + count * 2, 1 + count * 3),
    durationsUs: words.subarray(1 + count * 3, 1 + count * 4),
    outcomesAt: BATCH_HEADER_BYTES + count * 16,
  };
}

function readTable(body: Uint8Array, columns: number): [count: number, words: Uint32Array] {
  if (body.byteLength < BATCH_HEADER_BYTES)
    throw new MusterError("PROTOCOL", "A batch ends before its header.");
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const count = view.getUint32(0, true);
  const bytes = BATCH_HEADER_BYTES + count * columns * 4;
  if (bytes > body.byteLength)
    throw new MusterError("PROTOCOL", `A batch of ${count} ends before its table.`);
  // Typed arrays want a multiple of four as their offset; a frame begins anywhere in its chunk.
  const words =
    body.byteOffset % 4 === 0
      ? new Uint32Array(body.buffer, body.byteOffset, bytes / 4)
      : new Uint32Array(Uint8Array.prototype.slice.call(body, 0, bytes).buffer, 0, bytes / 4);
  return [count, words];
}
