import { MusterError } from "../base/errors.ts";
import type { CallSite } from "../contracts/code-unit.ts";
import type { LogEvent, LogLevel } from "../contracts/event.ts";

/** Raised with every change that an older peer would not understand; both sides refuse another one's. */
export const PROTOCOL_VERSION = 6;

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
  rested: 26,
  begins: 27,
  laneReports: 29,
  resting: 31,
  awake: 33,
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
  /** It gets no tasks before it says that it is awake. @default false */
  readonly isResting?: boolean;
}

/**
 * A worker of a pool that several runs share works for its run only while it is awake. `resting`: it asks to work no more
 * for now, `rested`: nothing of the run is there any more, so that it may work for another run, `awake`: it works for this
 * one again. A worker may also be told `rested` without having asked: the run has nothing to do for it.
 */
export interface RestMessage {
  /** How often it has been awake: what was said before it woke the last time says nothing any more. */
  readonly turn: number;
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
