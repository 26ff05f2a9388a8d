import type { Duplex } from "node:stream";
import { FrameReader, frameParts } from "./frames.ts";

/** What a channel tells whoever holds it. */
export interface ChannelListener {
  frame(type: number, body: Buffer): void;
  /** Once, after the last frame. */
  closed(error: Error | undefined): void;
}

/**
 * Frames over a stream, in both directions. What is sent within one turn of the event loop leaves in one system
 * call, so that sending many small frames costs no more than sending them together.
 */
export class Channel {
  readonly #stream: Duplex;
  readonly #reader = new FrameReader();
  #corked = false;
  #closed = false;

  constructor(stream: Duplex, listener: ChannelListener) {
    this.#stream = stream;
    let failure: Error | undefined;
    stream.on("data", (chunk: Buffer) => {
      try {
        this.#reader.push(chunk, (type, body) => {
          if (!this.#closed) listener.frame(type, body);
        });
      } catch (error) {
        failure = error as Error;
        stream.destroy();
      }
    });
    stream.on("error", (error) => {
      failure ??= error;
    });
    stream.on("close", () => {
      this.#closed = true;
      listener.closed(failure);
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Bytes that wait to leave. */
  get backlog(): number {
    return this.#stream.writableLength;
  }

  send(type: number, ...body: Uint8Array[]): void {
    if (this.#closed) return;
    if (!this.#corked) {
      this.#corked = true;
      this.#stream.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#stream.uncork();
      });
    }
    for (const part of frameParts(type, ...body)) this.#stream.write(part);
  }

  /** Resolves when what was sent has left, or the stream is closed. */
  drained(): Promise<void> {
    if (this.#closed || this.#stream.writableLength === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#stream.off("drain", done);
        this.#stream.off("close", done);
        resolve();
      };
      this.#stream.on("drain", done);
      this.#stream.on("close", done);
    });
  }

  /** Sends what is left, then closes. */
  end(): void {
    this.#stream.end();
  }

  destroy(): void {
    this.#closed = true;
    this.#stream.destroy();
  }
}
