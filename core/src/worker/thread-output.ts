import type { Writable } from "node:stream";
import type { MessagePort } from "node:worker_threads";
import type { FromThread } from "./thread-messages.ts";

/**
 * Lets what a task prints travel with the results of tasks, in order. Node's own way is a channel of its own, of which
 * nobody can tell when all has arrived: what was printed last was lost with the worker.
 */
export function sendOutputTo(port: MessagePort): void {
  for (const [stream, number] of [
    [process.stdout, 1],
    [process.stderr, 2],
  ] as const) {
    const writable = stream as unknown as Pick<Writable, "_write" | "_writev">;
    writable._writev = null as unknown as undefined;
    writable._write = (chunk: Uint8Array | string, encoding, done) => {
      // A copy: small buffers are views of a large one, which would travel whole.
      const bytes = new Uint8Array(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
      port.postMessage({ type: "print", stream: number, bytes } satisfies FromThread, [bytes.buffer]);
      done();
    };
  }
}

/** What a thread printed, printed here. */
export function print(stream: 1 | 2, bytes: Uint8Array): void {
  (stream === 1 ? process.stdout : process.stderr).write(bytes);
}
