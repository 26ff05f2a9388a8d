import { expect, test } from "vitest";
import type { Clock } from "../base/clock.ts";
import { BlobCollector } from "./blob-collector.ts";

const MIB = 2 ** 20;

/** A collector whose collecting takes so long, in milliseconds that pass only when a test or collecting says so. */
class CollectorRun {
  collected = 0;
  readonly blobs: BlobCollector;
  #now = 0;

  constructor(tookMs: number) {
    const clock: Clock = {
      now: () => this.#now,
      wallTime: () => this.#now,
      after: (_delayMs, callback) => {
        callback();
        return { cancel: () => undefined };
      },
    };
    this.blobs = new BlobCollector(clock, () => {
      this.collected++;
      this.#now += tookMs;
    });
  }

  /** A blob a millisecond. */
  make(blobs: number, bytes: number): void {
    for (let blob = 0; blob < blobs; blob++) {
      this.#now++;
      this.blobs.made(bytes);
    }
  }
}

test("garbage is collected once some has been made, not for every blob", () => {
  const run = new CollectorRun(0);
  run.make(100, 5 * MIB);
  expect(run.collected).toBe(14);
});

test("what takes long is done seldom, but when very much has been made", () => {
  const run = new CollectorRun(50);
  run.make(100, 5 * MIB);
  expect(run.collected).toBe(1);
  run.make(5, 100 * MIB);
  expect(run.collected).toBe(2);
});

test("what goes without it is no reason for it", () => {
  const run = new CollectorRun(0);
  for (let blob = 0; blob < 100; blob++) {
    run.make(1, 5 * MIB);
    run.blobs.released(5 * MIB);
  }
  expect(run.collected).toBe(0);
});
