import { expect, test } from "vitest";
import { Haste, ReportKind, readReportBatch } from "../wire/batches.ts";
import { unpackMessage } from "../wire/message.ts";
import { type AttemptEnd, ReportBuffer } from "./report-buffer.ts";

function end(id: number, facts: Partial<AttemptEnd> = {}): AttemptEnd {
  const plain = { attempt: 1, kind: ReportKind.success, startedAt: 97.5, endedAt: 100, haste: Haste.none };
  return { id, outcome: `value ${id}`, ...plain, ...facts };
}

function buffered(...ends: AttemptEnd[]): ReportBuffer {
  const buffer = new ReportBuffer();
  for (const one of ends) expect(buffer.add(one)).toBe(true);
  return buffer;
}

function read(body: Uint8Array | undefined) {
  const { outcomesAt, ...table } = readReportBatch(body!);
  return { table, outcomes: unpackMessage<unknown[]>(body!.subarray(outcomesAt)) };
}

/** What there is to do: much, all of it short. */
const MUCH = { nextMs: 0.01, leftMs: 30 };

test("what was added comes out as one batch, in order, and the buffer is empty again", () => {
  const buffer = buffered(end(1), end(2, { kind: ReportKind.failure, attempt: 3 }));
  const { table, outcomes } = read(buffer.take());
  expect([...table.ids]).toEqual([1, 2]);
  expect([...table.attempts]).toEqual([1, 3]);
  expect([...table.kinds]).toEqual([ReportKind.success, ReportKind.failure]);
  expect([...table.durationsUs]).toEqual([2500, 2500]);
  expect(outcomes).toEqual(["value 1", "value 2"]);
  expect(buffer.take()).toBeUndefined();
});

test("every outcome that rides in a message comes out as it was", () => {
  const values = [
    0,
    1,
    -1,
    0.5,
    2 ** 53,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    "",
    "é\u{1f600}",
    true,
    false,
  ];
  const outcomes = [...values, null, undefined, [1, "blob", 7], { name: "Error", message: "no" }];
  const buffer = buffered(...outcomes.map((outcome, id) => end(id, { outcome })));
  expect(read(buffer.take()).outcomes).toEqual(outcomes);
});

test("it is due some milliseconds after the oldest end, not the latest", () => {
  const buffer = buffered(end(1));
  expect(buffer.isDue(MUCH)).toBe(false);
  buffer.add(end(2, { endedAt: 109.9 }));
  expect(buffer.isDue(MUCH)).toBe(false);
  buffer.add(end(3, { endedAt: 110 }));
  expect(buffer.isDue(MUCH)).toBe(true);
});

test("an end that somebody waits for leaves before the next one when that would come too late", () => {
  const buffer = buffered(end(1, { haste: Haste.atOnce }));
  expect(buffer.isDue({ nextMs: 0.1, leftMs: 0.4 })).toBe(true);
  expect(buffer.isDue({ nextMs: 0.1, leftMs: 30 })).toBe(false);
  buffer.add(end(2, { endedAt: 100.95 }));
  expect(buffer.isDue({ nextMs: 0.1, leftMs: 30 })).toBe(true);
  // Of what has left nobody waits any more.
  buffer.take();
  buffer.add(end(3, { endedAt: 101 }));
  expect(buffer.isDue({ nextMs: 0.1, leftMs: 0.1 })).toBe(false);
});

test("one that is to be told soon waits for others that end soon, but not for long", () => {
  const buffer = buffered(end(1, { haste: Haste.soon }));
  expect(buffer.isDue({ nextMs: 0.1, leftMs: 0.2 })).toBe(false);
  expect(buffer.isDue({ nextMs: 5, leftMs: 5 })).toBe(true);
  buffer.add(end(2, { endedAt: 103.95 }));
  expect(buffer.isDue({ nextMs: 0.1, leftMs: 30 })).toBe(true);
});

test("it is due at once when there are very many, takes no more then, and is never due when there are none", () => {
  const buffer = buffered(...Array.from({ length: 1024 }, (_, id) => end(id)));
  expect(buffer.isDue(MUCH)).toBe(true);
  expect(buffer.add(end(1025))).toBe(false);
  expect(read(buffer.take()).outcomes).toHaveLength(1024);
  expect(buffer.isDue({ nextMs: 100, leftMs: 0 })).toBe(false);
});

test("what has no room is not taken, whatever else is there", () => {
  const large = end(1, { outcome: new Uint8Array(65_536) });
  const buffer = buffered(large);
  expect(buffer.add(large)).toBe(false);
  expect(buffer.add(end(2))).toBe(true);
  expect(read(buffer.take()).outcomes).toEqual([large.outcome, "value 2"]);
  expect(buffer.add(end(3, { outcome: "x".repeat(200_000) }))).toBe(false);
  expect(buffer.take()).toBeUndefined();
});

test("the other side takes what a busy thread holds back, and the thread does not tell of it again", () => {
  const thread = buffered(end(1), end(2));
  const main = new ReportBuffer(thread.buffer);
  expect(read(main.takeFromOutside()).outcomes).toEqual(["value 1", "value 2"]);
  expect(main.takeFromOutside()).toBeUndefined();
  expect(thread.take()).toBeUndefined();
  thread.add(end(3));
  expect(read(thread.take()).outcomes).toEqual(["value 3"]);
});

test("of a thread that ended in the middle of something all that it had added is there", () => {
  const thread = buffered(end(1));
  // It holds the buffer, and will never let go of it.
  Atomics.store(new Int32Array(thread.buffer), 0, 1);
  const main = new ReportBuffer(thread.buffer);
  expect(main.takeFromOutside()).toBeUndefined();
  expect(read(main.takeLast()).outcomes).toEqual(["value 1"]);
});

test("a task that runs for days does not overflow its place in the table", () => {
  const buffer = buffered(end(1, { startedAt: 0, endedAt: 30 * 24 * 3600 * 1000 }));
  expect([...read(buffer.take()).table.durationsUs]).toEqual([0xffffffff]);
});

test("nobody else tells of ends while log lines from before them have not left", () => {
  const thread = buffered(end(1));
  const main = new ReportBuffer(thread.buffer);
  thread.isBehindLogs = true;
  expect(main.takeFromOutside()).toBeUndefined();
  thread.isBehindLogs = false;
  expect([...read(main.takeFromOutside()).table.ids]).toEqual([1]);
  expect(thread.take()).toBeUndefined();
});
