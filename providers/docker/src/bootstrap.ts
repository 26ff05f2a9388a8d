import { basename } from "node:path";
import { workerFile } from "@muster/core";

/**
 * The program of a container: it gets from its input what nobody else should see, and the worker's file, which the
 * image need not have. So neither is in a command line, in an environment that `docker inspect` shows, or in a file of
 * the engine's machine; and it works with any user of any image.
 *
 * The first line of the input is JSON, of type `Head`; the bytes of the file follow.
 */
export const BOOTSTRAP = `
const { mkdtempSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const put = (name, bytes) => {
  const failures = [];
  for (const parent of [tmpdir(), "/tmp", "/var/tmp", "/dev/shm"]) {
    try {
      const file = join(mkdtempSync(join(parent, "muster-")), name);
      writeFileSync(file, bytes);
      return file;
    } catch (error) {
      failures.push(error.message);
    }
  }
  console.error("muster: there is no place for the worker's file in this container: " + failures.join("; "));
  process.exit(3);
};
const chunks = [];
let count = 0;
process.stdin.on("data", (chunk) => {
  chunks.push(chunk);
  count += chunk.length;
  const lineEnd = chunks[0].indexOf(10);
  if (lineEnd < 0) {
    chunks.splice(0, chunks.length, Buffer.concat(chunks));
    return;
  }
  const head = JSON.parse(chunks[0].subarray(0, lineEnd));
  if (count < lineEnd + 1 + head.bytes) return;
  process.stdin.removeAllListeners();
  process.stdin.destroy();
  Object.assign(process.env, head.secrets);
  require(head.bytes > 0 ? put(head.file, Buffer.concat(chunks).subarray(lineEnd + 1)) : head.file);
});
process.stdin.on("end", () => process.exit(3));
`;

interface Head {
  /** Environment variables. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Where the worker is in the image; or, if it follows, its name. */
  readonly file: string;
  readonly bytes: number;
}

/** Where an image has its worker. */
const FILE_IN_IMAGE = "/muster/worker.cjs";

/**
 * What a container gets to read.
 * @param worker the worker's file; undefined when the image has the same
 */
export function bootstrapInput(
  secrets: Readonly<Record<string, string>>,
  worker: Buffer | undefined,
): Buffer {
  const file = worker === undefined ? FILE_IN_IMAGE : basename(workerFile());
  const head: Head = { secrets, file, bytes: worker?.length ?? 0 };
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), worker ?? Buffer.alloc(0)]);
}
