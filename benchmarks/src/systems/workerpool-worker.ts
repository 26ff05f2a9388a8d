import { isMainThread } from "node:worker_threads";
import workerpool from "workerpool";
import * as tasks from "../tasks.ts";

const { noop, increment, add, checksum, mix, hashBlock, timer, hold } = tasks;

function makeBytes(size: number): unknown {
  const bytes = tasks.makeBytes(size);
  return isMainThread ? bytes : new workerpool.Transfer(bytes, [bytes.buffer]);
}

workerpool.worker({ noop, increment, add, checksum, mix, hashBlock, timer, hold, makeBytes });
