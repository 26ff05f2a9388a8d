import type { Writable } from "node:stream";
import type { MessagePort } from "node:worker_threads";
import { withDeadline } from "../base/wait.ts";
import type { FromThread } from "./thread-messages.ts";

/** What was printed has so long to leave this process before the ends of tasks, or its own, are told, in milliseconds. */
export const PRINT_MS = 500;

/** Prints on their way from a task thread to the main thread, which alone prints; in memory that both see. */
export class PrintCount {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer = new SharedArrayBuffer(8)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** Task thread: one more is on its way. */
  sent(): void {
    Atomics.add(this.#words, SENT, 1);
  }

  /** Main thread: one has been printed. */
  printed(): void {
    Atomics.add(this.#words, PRINTED, 1);
    Atomics.notify(this.#words, PRINTED);
  }

  /** Task thread: waits, without a turn of its event loop, until all has been printed. `false` after `timeoutMs`. */
  wait(timeoutMs: number): boolean {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const printed = Atomics.load(this.#words, PRINTED);
      const leftMs = deadline - performance.now();
      if (printed === Atomics.load(this.#words, SENT)) return true;
      if (leftMs <= 0) return false;
      Atomics.wait(this.#words, PRINTED, printed, leftMs);
    }
  }
}

const SENT = 0;
const PRINTED = 1;

/**
 * Sends what a task prints to the main thread. Node's own way is a channel of its own, of which nobody can tell when all
 * has arrived: what was printed last was lost with the worker.
 */
export function sendOutputTo(
  port: MessagePort,
  prints: PrintCount,
  mark: (stream: 1 | 2, bytes: Buffer) => string | undefined,
): void {
  for (const [stream, number] of [
    [process.stdout, 1],
    [process.stderr, 2],
  ] as const) {
    const writable = stream as unknown as Pick<Writable, "_write" | "_writev">;
    writable._writev = null as unknown as undefined;
    writable._write = (chunk: Uint8Array | string, encoding, done) => {
      // A copy: small buffers are views of a large one, which would travel whole.
      const whole = typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk;
      const marked = mark(number, Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength));
      const bytes = new Uint8Array(marked === undefined ? whole : Buffer.from(marked));
      prints.sent();
      port.postMessage({ type: "print", stream: number, bytes } satisfies FromThread, [bytes.buffer]);
      done();
    };
  }
}

/** What a thread printed, printed here. `printed` is called when it has left this process. */
export function print(stream: 1 | 2, bytes: Uint8Array, printed: () => void): void {
  (stream === 1 ? process.stdout : process.stderr).write(bytes, printed);
}

/** Resolves when all that was printed has left this process, or after `timeoutMs`. */
export async function allPrinted(timeoutMs: number): Promise<void> {
  const left = [process.stdout, process.stderr].map(
    (stream) => new Promise<void>((resolve) => void stream.write("", () => resolve())),
  );
  await withDeadline(Promise.all(left), "The output", { timeoutMs }).catch(() => undefined);
}
