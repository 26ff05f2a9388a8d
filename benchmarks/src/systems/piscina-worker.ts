import { move } from "piscina";
import * as tasks from "../tasks.ts";

export const { noop, increment, add, checksum, mix, hashBlock, timer, hold } = tasks;

export function makeBytes(size: number): unknown {
  return move(tasks.makeBytes(size));
}
