import fc from "fast-check";
import { expect, test } from "vitest";
import { MusterError } from "../base/errors.ts";
import { packReports, packTasks, ReportKind, readReportBatch, readTaskBatch } from "./batches.ts";
import type { TaskBodies } from "./envelope.ts";
import { packMessage, unpackMessage } from "./message.ts";
import { PREAMBLE_BYTES, preamble } from "./protocol.ts";

const numbers = (...values: number[]): Uint32Array => Uint32Array.from(values);

const TASKS = { ids: numbers(1, 0xffffffff), attempts: numbers(1, 4), functions: numbers(0, 9) };
const BODIES: TaskBodies = [
  [["text", 1.5, undefined], [new Uint8Array([1, 2, 3])]],
  [undefined, [true, new Uint8Array(0)]],
];
const REPORTS = {
  ids: numbers(5, 6),
  attempts: numbers(1, 2),
  kinds: numbers(ReportKind.success, ReportKind.cancelled),
  durationsUs: numbers(1500, 0),
};
const OUTCOMES = ["value", { reason: "its thread ended" }];

/** The same bytes as a view that begins `offset` bytes into its memory, as a frame does in its chunk. */
function shifted(bytes: Uint8Array, offset: number): Uint8Array {
  const memory = new Uint8Array(bytes.length + offset);
  memory.set(bytes, offset);
  return memory.subarray(offset);
}

test("tasks and reports arrive as they were, wherever in a chunk they begin", () => {
  const tasks = Buffer.concat(packTasks(TASKS, BODIES));
  const reports = packReports(REPORTS, OUTCOMES);
  for (let offset = 0; offset < 8; offset++) {
    const taskBody = shifted(tasks, offset);
    const { bodiesAt, ...table } = readTaskBatch(taskBody);
    expect(table).toEqual(TASKS);
    expect(unpackMessage(taskBody.subarray(bodiesAt))).toEqual(BODIES);

    const reportBody = shifted(reports, offset);
    const { outcomesAt, ...ends } = readReportBatch(reportBody);
    expect(ends).toEqual(REPORTS);
    expect(unpackMessage(reportBody.subarray(outcomesAt))).toEqual(OUTCOMES);
  }
});

test("a batch may be empty", () => {
  const none = { ids: numbers(), attempts: numbers(), functions: numbers() };
  expect(readTaskBatch(Buffer.concat(packTasks(none, [[], undefined])))).toMatchObject(none);
});

/** Whatever the bytes are, they are read, or refused as what they are. */
function readsOrRefuses(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(MusterError);
    expect((error as MusterError).code).toBe("PROTOCOL");
  }
}

function readAll(body: Uint8Array): void {
  readsOrRefuses(() => unpackMessage(body.subarray(readTaskBatch(body).bodiesAt)));
  readsOrRefuses(() => unpackMessage(body.subarray(readReportBatch(body).outcomesAt)));
  readsOrRefuses(() => unpackMessage(body));
}

const SAMPLES = [
  Buffer.concat(packTasks(TASKS, BODIES)),
  Buffer.from(packReports(REPORTS, OUTCOMES)),
  packMessage({ workerId: "w-1", resources: { GPU: 1 }, list: [1n, new Date(0), new Map([[1, 2]])] }),
];

test("what ends too early is read or refused, never anything else", () => {
  for (const bytes of SAMPLES) {
    for (let length = 0; length <= bytes.length; length++) readAll(bytes.subarray(0, length));
  }
});

test("a table that is cut off is refused", () => {
  const tasks = SAMPLES[0]!;
  const { bodiesAt } = readTaskBatch(tasks);
  for (let length = 0; length < bodiesAt; length++) {
    expect(() => readTaskBatch(tasks.subarray(0, length))).toThrow(
      expect.objectContaining({ code: "PROTOCOL" }),
    );
  }
});

test("changed and random bytes are read or refused, never anything else", () => {
  const mutations = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 });
  const mutated = fc.tuple(fc.constantFrom(...SAMPLES), mutations).map(([sample, changes]) => {
    const bytes = Buffer.from(sample);
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    return bytes;
  });
  fc.assert(fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 64 })), readAll), { numRuns: 3000 });
});

test("a connection begins with bytes of a fixed length that hold the token as it is", () => {
  const token = "ab".repeat(32);
  expect(preamble(token)).toHaveLength(PREAMBLE_BYTES);
  expect(preamble(token).toString("hex").endsWith(token)).toBe(true);
});
