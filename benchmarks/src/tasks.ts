/**
 * What every system of the benchmark runs: the same functions of one argument, so that only the way to them differs.
 * (`systems/dask-peer.py` has them again in Python.)
 */
import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { threadId } from "node:worker_threads";

const FILL = 7;
const PAGE_BYTES = 4096;
/** One block of 256 KiB, used again and again: a new one a task would measure how the kernel gives memory. */
const block = new Uint32Array(65_536);

export function noop(value: number): number {
  return value;
}

export function increment(value: number): number {
  return value + 1;
}

export function add([left, right]: readonly [number, number]): number {
  return left + right;
}

export function makeBytes(size: number): Uint8Array {
  return new Uint8Array(size).fill(FILL);
}

/** Touches every page, so that bytes that were never delivered cannot pass; reads no more, so that the transfer is what is timed. */
export function checksum(bytes: Uint8Array): number {
  let sum = bytes.length;
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) sum += bytes[at] as number;
  return sum;
}

/** What `checksum(makeBytes(size))` must be. */
export function expectedChecksum(size: number): number {
  return size + FILL * Math.ceil(size / PAGE_BYTES);
}

/** Computes for `us` microseconds; gives a number that tells its neighbours apart. */
export function mix([us, left, middle, right]: readonly [number, number, number, number]): number {
  const end = performance.now() + us / 1000;
  while (performance.now() < end);
  return (left + 2 * middle + 3 * right + 1) % 1_000_003;
}

/** SHA-256 of a block of 256 KiB that is made from `seed` here, so that the work is CPU and no transfer. */
export function hashBlock(seed: number): string {
  let state = (seed + 1) | 0;
  for (let at = 0; at < block.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    block[at] = state;
  }
  return createHash("sha256").update(block).digest("hex");
}

/** Waits `ms`; gives back how long it really took. */
export async function timer(ms: number): Promise<number> {
  const start = performance.now();
  await sleep(ms);
  return performance.now() - start;
}

/** Says in `<path>.started` that it runs and stays until `<path>.release` exists. Gives back which worker it was on. */
export async function hold(path: string): Promise<string> {
  writeFileSync(`${path}.started`, "");
  while (!existsSync(`${path}.release`)) await sleep(1);
  return `${process.pid}:${threadId}`;
}
