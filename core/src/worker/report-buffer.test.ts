import { expect, test } from "vitest";
import { ReportKind, readReportBatch, unpackMessage } from "../wire/protocol.ts";
import { ReportBuffer } from "./report-buffer.ts";

function buffered(count: number, endedAt = 100): ReportBuffer {
  const buffer = new ReportBuffer();
  for (let id = 1; id <= count; id++) {
    const task = { id, attempt: 1 };
    buffer.add(task, ReportKind.success, `value ${id}`, { startedAt: endedAt - 2.5, endedAt });
  }
  return buffer;
}

test("what was added comes out as one batch, in order, and the buffer is empty again", () => {
  const buffer = buffered(2);
  const body = buffer.take();
  const batch = readReportBatch(body);
  expect([...batch.ids]).toEqual([1, 2]);
  expect([...batch.attempts]).toEqual([1, 1]);
  expect([...batch.kinds]).toEqual([ReportKind.success, ReportKind.success]);
  expect([...batch.durationsUs]).toEqual([2500, 2500]);
  expect(unpackMessage(body.subarray(batch.outcomesAt))).toEqual(["value 1", "value 2"]);
  expect(buffer.isEmpty).toBe(true);
  expect(readReportBatch(buffer.take()).ids).toHaveLength(0);
});

test("it is due some milliseconds after the oldest end, not the latest", () => {
  const buffer = buffered(1, 100);
  expect(buffer.isDue).toBe(false);
  const task = { id: 2, attempt: 1 };
  buffer.add(task, ReportKind.failure, undefined, { startedAt: 100, endedAt: 109.9 });
  expect(buffer.isDue).toBe(false);
  buffer.add({ id: 3, attempt: 1 }, ReportKind.success, 1, { startedAt: 109.9, endedAt: 110 });
  expect(buffer.isDue).toBe(true);
});

test("it is due at once when there are very many, and never when there are none", () => {
  expect(buffered(1024).isDue).toBe(true);
  const buffer = buffered(1);
  buffer.take();
  expect(buffer.isDue).toBe(false);
});

test("it is due at once when its values are large together", () => {
  const buffer = new ReportBuffer();
  const times = { startedAt: 0, endedAt: 0 };
  for (let id = 1; id <= 16; id++) {
    expect(buffer.isDue).toBe(false);
    buffer.add({ id, attempt: 1 }, ReportKind.success, Buffer.alloc(65_536), times);
  }
  expect(buffer.isDue).toBe(true);
  buffer.take();
  const error = { name: "Error", message: "x".repeat(65_536), stack: "x".repeat(65_536) };
  for (let id = 1; id <= 8; id++) {
    expect(buffer.isDue).toBe(false);
    buffer.add({ id, attempt: 1 }, ReportKind.failure, error, times);
  }
  expect(buffer.isDue).toBe(true);
});

test("a task that runs for days does not overflow its place in the table", () => {
  const buffer = new ReportBuffer();
  const times = { startedAt: 0, endedAt: 30 * 24 * 3600 * 1000 };
  buffer.add({ id: 1, attempt: 1 }, ReportKind.success, 1, times);
  expect([...readReportBatch(buffer.take()).durationsUs]).toEqual([0xffffffff]);
});
