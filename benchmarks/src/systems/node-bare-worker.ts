import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { TaskName } from "../system.ts";
import { checksum, hashBlock, hold, increment, makeBytes, noop } from "../tasks.ts";
import type { BareRequest } from "./node-bare.ts";

const functions = { noop, increment, makeBytes, checksum, hashBlock, hold } as Partial<
  Record<TaskName, (input: unknown) => unknown>
>;
const path = process.argv[2]!;
const socket = connect(path);
let files = 0;

/** A large value stays where it is; who needs it reads it. */
function encode(value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value;
  const file = join(dirname(path), `${process.pid}-${++files}`);
  writeFileSync(file, value);
  return { file };
}

function decode(value: unknown): unknown {
  const { file } = (value ?? {}) as { file?: string };
  return file === undefined ? value : readFileSync(file);
}

async function run({ name, inputs }: BareRequest): Promise<void> {
  const task = functions[name]!;
  const outputs: unknown[] = [];
  for (const input of inputs) {
    const result = task(decode(input));
    outputs.push(encode(result instanceof Promise ? await result : result));
  }
  socket.write(`${JSON.stringify(outputs)}\n`);
}

createInterface(socket).on("line", (line) => void run(JSON.parse(line)));
