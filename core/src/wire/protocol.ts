import { Packr } from "msgpackr";
import { MusterError } from "../base/errors.ts";
import type { CallSite } from "../code/code-unit.ts";
import type { LogEvent, LogLevel } from "../events/event.ts";

/** Raised with every change that an older peer would not understand; both sides refuse another one's. */
export const PROTOCOL_VERSION = 5;

/** What a frame is. Even numbers go to the worker, odd ones come from it. */
export const FrameType = {
  welcome: 2,
  hello: 3,
  code: 4,
  heartbeat: 5,
  define: 6,
  reports: 7,
  tasks: 8,
  started: 9,
  cancel: 10,
  returned: 11,
  recall: 12,
  log: 13,
  drain: 14,
  blobGet: 15,
  ping: 16,
  blobPut: 17,
  blobData: 18,
  goodbye: 19,
  blobStored: 20,
  draining: 21,
  shutdown: 22,
  lane: 23,
  blobForget: 24,
  laneEnded: 25,
  begins: 27,
  laneReports: 29,
} as const;

/**
 * The first bytes of a connection, before any frame: a fixed length, so that a stranger's bytes are compared and
 * never decoded. Magic and version, then the token as it is.
 */
export const TOKEN_BYTES = 32;
const MAGIC = Buffer.from("MSTR");
export const PREAMBLE_BYTES = MAGIC.length + 1 + TOKEN_BYTES;

/** @param token hexadecimal, 32 bytes */
export function preamble(token: string): Buffer {
  // Memory of its own: what Node pools, any code of the thread can read.
  const bytes = Buffer.alloc(PREAMBLE_BYTES);
  MAGIC.copy(bytes);
  bytes[MAGIC.length] = PROTOCOL_VERSION;
  bytes.write(token, MAGIC.length + 1, "hex");
  return bytes;
}

export interface HelloMessage {
  readonly workerId: string;
  readonly node: string;
  readonly pid: number;
  readonly host: string;
  readonly threads: number;
  readonly tasksPerThread: number;
  readonly resources: Readonly<Record<string, number>>;
}

export interface WelcomeMessage {
  readonly run: RunMessage;
  readonly heartbeatMs: number;
  /** Where the engine keeps blobs, the proof that a worker sees the same directory, and what is in all their names. */
  readonly blobs: { readonly directory: string; readonly proof: string; readonly tag: string };
}

/** What `context` shows in tasks. */
export interface RunMessage {
  readonly flowRunId: string;
  readonly flowName: string;
  readonly image: string | undefined;
  readonly logLevel: LogLevel;
  /** The parameters of the run, encoded. */
  readonly parameters: Uint8Array | undefined;
  /** Whoever reads what this worker prints reads whose print it is: see `print-mark.ts`. @default false */
  readonly marksPrints?: boolean;
}

export type CodeMessage =
  | { readonly kind: "bundle"; readonly id: string; readonly code: Uint8Array; readonly resolveFrom: string }
  | { readonly kind: "inline"; readonly id: string; readonly source: string };

export interface DefineMessage {
  readonly index: number;
  readonly name: string;
  readonly code: string;
  readonly site: CallSite | undefined;
  readonly timeoutMs: number | undefined;
  /** Each attempt is announced before it begins. */
  readonly onlyOnce: boolean;
}

/**
 * What a task thread says first on its own connection, its lane: from here on tasks come over it and their ends leave.
 * All else goes over the connection of its worker. The number of a lane is never used again: a thread that takes the
 * place of another one has a new lane.
 */
export interface LaneMessage {
  readonly workerId: string;
  readonly lane: number;
}

/** Of the numbers of two tasks of one lane, which are never far apart: they count by 32 bits. */
export function isBefore(number: number, other: number): boolean {
  return ((other - number) | 0) > 0;
}

/**
 * Takes back what has not begun in a lane. Tasks are numbered in the order in which they were sent there, from 0 and by
 * 32 bits; `end` is the number of the next one.
 */
export interface RecallMessage {
  readonly lane: number;
  readonly end: number;
}

/** Ends an attempt that has begun; else takes it back, with all that has not begun. */
export interface CancelMessage extends RecallMessage {
  readonly id: number;
  readonly attempt: number;
  readonly graceMs: number;
}

/** Tasks of a lane that were taken back: those with the numbers from `from` up to, not including, `end`. */
export interface ReturnedMessage {
  readonly lane: number;
  readonly from: number;
  readonly end: number;
}

/** The thread of a lane is gone. */
export interface LaneEndedMessage {
  readonly lane: number;
  /** The number of the first task that had not begun. */
  readonly next: number;
  /** What was told to end and did not by itself, as `[id, attempt, kind]` triples in one list. */
  readonly ended: readonly number[];
  /** Why the thread ended; what else ran in it is lost with it. */
  readonly death: { readonly reason: string; readonly outOfMemory: boolean; readonly deliberate: boolean };
  /** Why no task can run in such a thread: it ended several times in a row before one began. */
  readonly unusable: string | undefined;
}

/**
 * The last that a lane says before it calls a task that may end its worker: so that it is known whose loss that is.
 * `number` is the task's on the lane: one that was taken back at the last moment may lie there again, with another.
 */
export interface BeginsMessage {
  readonly id: number;
  readonly attempt: number;
  readonly number: number;
}

/** Three words of 32 bits. */
const BEGINS_BYTES = 12;

export function packBegins({ id, attempt, number }: BeginsMessage): Buffer {
  const body = Buffer.allocUnsafe(BEGINS_BYTES);
  body.writeUInt32LE(id, 0);
  body.writeUInt32LE(attempt, 4);
  body.writeUInt32LE(number >>> 0, 8);
  return body;
}

/** @throws MusterError `PROTOCOL` when the bytes are something else */
export function readBegins(body: Uint8Array): BeginsMessage {
  if (body.byteLength !== BEGINS_BYTES)
    throw new MusterError("PROTOCOL", "A lane named no attempt that begins.");
  const view = new DataView(body.buffer, body.byteOffset, BEGINS_BYTES);
  return { id: view.getUint32(0, true), attempt: view.getUint32(4, true), number: view.getUint32(8, true) };
}

/** Attempts that run, as `[id, attempt]` pairs in one list. */
export interface StartedMessage {
  readonly ids: readonly number[];
}

export interface GoodbyeMessage {
  readonly reason: string;
}

export interface LogMessage {
  readonly events: readonly LogEvent[];
}

const packr = new Packr({
  useRecords: false,
  encodeUndefinedAsNil: false,
  mapsAsObjects: true,
  copyBuffers: true,
});

export function packMessage(message: unknown): Buffer {
  return packr.pack(message);
}

/** @throws MusterError `PROTOCOL` when the bytes are no message */
export function unpackMessage<T>(body: Uint8Array): T {
  try {
    return packr.unpack(body) as T;
  } catch (cause) {
    throw new MusterError("PROTOCOL", "A frame could not be decoded.", { cause });
  }
}

/** Ends that a thread which is busy, or has ended, could not tell by itself: the body of a reports frame, for this lane. */
export function packLaneReports(lane: number, reports: Uint8Array): Uint8Array[] {
  const header = Buffer.allocUnsafe(LANE_BYTES);
  header.writeUInt32LE(lane);
  return [header, reports];
}

/** @throws MusterError `PROTOCOL` when the bytes are none */
export function readLaneReports(body: Buffer): { readonly lane: number; readonly reports: Buffer } {
  if (body.length < LANE_BYTES) throw new MusterError("PROTOCOL", "Reports end before their lane.");
  return { lane: body.readUInt32LE(), reports: body.subarray(LANE_BYTES) };
}

const LANE_BYTES = 4;

/* ------------------------------------------------------------------------------------------- values in envelopes */

/**
 * A value inside an envelope. What is inline (see `isInline`) is there itself; what is encoded is bytes; the rest is
 * a list that starts with its tag, which no inline value is.
 */
export const Tag = { ref: 0, blob: 1, list: 2, refRange: 3 } as const;

export type BlobValue = readonly [tag: typeof Tag.blob, id: string, byteLength: number];
export type ListValue = readonly [tag: typeof Tag.list, values: readonly WireValue[]];
export type RefValue = readonly [tag: typeof Tag.ref, index: number];
export type RefRangeValue = readonly [tag: typeof Tag.refRange, start: number, count: number];

/** A result, or the value of a dependency. */
export type WireValue = string | number | boolean | null | undefined | Uint8Array | BlobValue | ListValue;
/** An argument: a value, or what stands for a dependency's. */
export type WireArgument = WireValue | RefValue | RefRangeValue;

/** What a task gets: its arguments, and the values that they refer to. */
export interface TaskBody {
  readonly args: readonly WireArgument[];
  /** Undefined where the arguments refer to nothing. */
  readonly dependencies: readonly WireValue[] | undefined;
}

/** The bodies of a batch, as two columns. */
export type TaskBodies = readonly [
  args: readonly (readonly WireArgument[] | LargeList)[],
  dependencies: readonly (readonly WireValue[] | LargeList | undefined)[] | undefined,
];

/** Very many arguments, or values that they refer to, as in a reduction: the list of them is a blob, packed. */
export interface LargeList {
  readonly blob: BlobValue;
}

/* -------------------------------------------------------------------------------------------- tasks and reports */

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
  return [header, packr.pack(bodies)];
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
