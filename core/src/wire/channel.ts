import type { Duplex } from "node:stream";
import { type Clock, systemClock, type Timer } from "../base/clock.ts";
import { readOnAfterFailedWrites } from "./failed-writes.ts";
import type { FrameLink } from "./frame-link.ts";
import { FRAME_HEADER_BYTES, FrameReader, frameParts, writeFrameHeader } from "./frames.ts";

/** What a channel tells whoever holds it. */
export interface ChannelListener {
  frame(type: number, body: Buffer): void;
  /** Once, after the last frame. */
  closed(error: Error | undefined): void;
}

const NOTHING = new Uint8Array(0);
/** Frames up to this size are copied into one buffer with their neighbours. */
const SMALL_BYTES = 4096;
const SLAB_BYTES = 32_768;

/** From a peer that is believed to be gone, more may come for so long after the last that came, in milliseconds. */
const LAST_WORDS_MS = 1000;
/** So often is that waited for: then it is no corpse that speaks. */
const MAX_LAST_WORDS = 10;

/**
 * Frames over a stream, in both directions. Small ones that are sent within one turn of the event loop leave in one
 * system call, so that sending many costs no more than sending them together.
 *
 * A peer that dies may have said much that nobody has read yet. So a write that fails closes nothing: what has come is
 * read to its end first.
 */
export class Channel implements FrameLink {
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #reader = new FrameReader();
  #parts: Uint8Array[] = [];
  #slab = Buffer.alloc(0);
  #slabBytes = 0;
  #planned = false;
  #ended = false;
  #closed = false;
  #heard = false;
  #lastWords: Timer | undefined;

  constructor(stream: Duplex, listener: ChannelListener, clock: Clock = systemClock) {
    this.#stream = stream;
    this.#clock = clock;
    let failure: Error | undefined;
    readOnAfterFailedWrites(stream, (error) => {
      failure ??= error;
      this.hearOut();
    });
    stream.on("data", (chunk: Buffer) => {
      this.#heard = true;
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
      this.#lastWords?.cancel();
      listener.closed(failure);
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get isClear(): boolean {
    return this.#stream.writableLength === 0;
  }

  send(type: number, ...body: Uint8Array[]): void {
    if (this.#closed || this.#ended) return;
    let bytes = 0;
    for (const part of body) bytes += part.byteLength;
    if (bytes <= SMALL_BYTES) this.#addSmall(type, body, bytes);
    else {
      this.#parts.push(...this.#takeSlab(), ...frameParts(type, ...body));
      // It is worth a system call of its own, and this turn may take long.
      this.flush();
      return;
    }
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => this.flush());
  }

  /** Small frames are copied together: one buffer is written faster than many. */
  #addSmall(type: number, body: readonly Uint8Array[], bytes: number): void {
    if (this.#slab.length - this.#slabBytes < FRAME_HEADER_BYTES + bytes) {
      this.#parts.push(...this.#takeSlab());
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    }
    const slab = this.#slab;
    writeFrameHeader(slab, type, { at: this.#slabBytes, bodyBytes: bytes });
    let at = this.#slabBytes + FRAME_HEADER_BYTES;
    for (const part of body) {
      slab.set(part, at);
      at += part.byteLength;
    }
    this.#slabBytes = at;
  }

  /** What came into the slab since it was last taken; the rest of it goes on being filled. */
  #takeSlab(): Uint8Array[] {
    if (this.#slabBytes === 0) return [];
    const filled = this.#slab.subarray(0, this.#slabBytes);
    this.#slab = this.#slab.subarray(this.#slabBytes);
    this.#slabBytes = 0;
    return [filled];
  }

  flush(): void {
    this.#planned = false;
    if (this.#closed) return;
    const parts = [...this.#parts, ...this.#takeSlab()];
    if (parts.length === 0) return;
    this.#parts = [];
    if (parts.length > 1) this.#stream.cork();
    for (const part of parts) this.#stream.write(part);
    if (parts.length > 1) this.#stream.uncork();
  }

  drained(): Promise<void> {
    this.flush();
    if (this.#closed || this.#stream.writableLength === 0) return Promise.resolve();
    // Not the event "drain": a stream that never said that it was full never says that it is empty.
    return new Promise((resolve) => this.#stream.write(NOTHING, () => resolve()));
  }

  /** Takes in no more frames until `resume`: those of the chunk that is being read still come. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    this.flush();
    this.#ended = true;
    this.#stream.end();
  }

  /**
   * The peer is believed to be gone: sends nothing more, takes in what has come, and closes when that ends, or nothing
   * has come for a second. Not when this process was too busy to read for so long.
   */
  hearOut(): void {
    this.#ended = true;
    this.#parts = [];
    this.#slabBytes = 0;
    if (!this.#closed && this.#lastWords === undefined) this.#awaitLastWords(MAX_LAST_WORDS);
  }

  #awaitLastWords(times: number): void {
    this.#heard = false;
    this.#lastWords = this.#clock.after(LAST_WORDS_MS, () => {
      // A timer that is late comes before what has come meanwhile is read.
      setImmediate(() => {
        if (this.#closed) return;
        if ((this.#heard || this.#stream.isPaused()) && times > 1) this.#awaitLastWords(times - 1);
        else this.destroy();
      });
    });
  }

  /** Closes at once. */
  destroy(error?: Error): void {
    this.#closed = true;
    this.#stream.destroy(error);
  }
}
