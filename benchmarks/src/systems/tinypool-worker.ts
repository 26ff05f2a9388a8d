import { Tinypool } from "tinypool";
import * as tasks from "../tasks.ts";

export const { noop, increment, add, checksum, mix, hashBlock, timer, hold } = tasks;

export function makeBytes(size: number): unknown {
  return Tinypool.move(tasks.makeBytes(size));
}
