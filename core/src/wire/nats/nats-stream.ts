import { Duplex } from "node:stream";
import { Deque } from "../../base/deque.ts";
import { stepsTo } from "../../base/round-numbers.ts";
import { packSegment, readSegment, SEGMENT_HEADER_BYTES, SegmentFlag, writeHeader } from "./segment.ts";

export interface NatsStreamOptions {
  /** Sends a message to the other side. It may be lost. */
  readonly publish: (message: Uint8Array) => void;
  /** Whether messages can be sent now: while not, they are kept. */
  readonly isConnected: () => boolean;
  /** Called once, after the end of both directions or a reset. */
  readonly closed: () => void;
  /** The side that dialled opens the stream with its first message. */
  readonly opens: boolean;
  /** The most bytes that a message may have. */
  readonly maxMessageBytes: () => number;
  /** Bytes that may be on their way to this side, now. */
  readonly windowBytes: () => number;
}

/** Larger messages gain nothing, and small ones behind them wait longer. */
const MAX_BODY_BYTES = 256 * 1024;
/** Bytes that may be sent before the other side has said how many it takes. */
const FIRST_CREDIT_BYTES = 64 * 1024;

/** From a silent side news are asked for after so many ticks at the latest. */
const MAX_SILENT_TICKS = 16;

/** A message that the other side has not been heard to have. */
interface Unheard {
  readonly number: number;
  readonly flags: number;
  readonly message: Uint8Array;
}

/**
 * A stream of bytes in both directions over two subjects of NATS, where messages get lost when the server or a connection
 * is gone for a while. Each message carries a number; what was not heard to have arrived is kept, and sent again when the
 * other side misses it or the connection is back; what comes twice is dropped. The other side says how much more it takes,
 * so that nothing piles up in a server that would cut off whoever is slow.
 *
 * It never ends by itself while the other side is silent: whether that one lives is for others to judge.
 */
export class NatsStream extends Duplex {
  readonly #options: NatsStreamOptions;
  /** Of the next message that this side sends. */
  #nextNumber = 0;
  readonly #unheard = new Deque<Unheard>();
  /** Bytes sent in all, and up to how many may be; both go round at 32 bits. */
  #sentBytes = 0;
  #maySendBytes = FIRST_CREDIT_BYTES;
  /** What could not be sent yet, and who waits for it. */
  #waiting: { readonly parts: Buffer[]; readonly done: () => void } | undefined;
  #finishing: (() => void) | undefined;
  /** Of the next message from the other side. */
  #expected = 0;
  #receivedBytes = 0;
  /** The credit that the other side was told last, and what it was told to have arrived. */
  #toldCredit = 0;
  #toldExpected = 0;
  #hasEnded = false;
  #heardEnd = false;
  #askedAgainAt = -1;
  #silentTicks = 0;

  constructor(options: NatsStreamOptions) {
    super({ allowHalfOpen: false, readableHighWaterMark: 1024 * 1024, writableHighWaterMark: 256 * 1024 });
    this.#options = options;
    if (options.opens) this.#sendNumbered(SegmentFlag.opens, []);
  }

  /** Takes in a message that came for this stream. */
  receive(message: Uint8Array): void {
    if (this.destroyed) return;
    const { flags, number, expects, credit, body } = readSegment(message);
    this.#silentTicks = 0;
    if (flags & SegmentFlag.resets) {
      this.destroy();
      return;
    }
    this.#heardExpects(expects, credit);
    if (flags & SegmentFlag.again) this.#sendAgain();
    const ahead = stepsTo(this.#expected, number);
    if (flags & SegmentFlag.asks) this.#askedAgainAt = -1;
    if (flags & SegmentFlag.numbered) {
      if (ahead === 0) this.#take(flags, body);
      // It came before: the other side has not heard so.
      else if (ahead < 0) this.#tell();
      else this.#askAgain();
    } else if (ahead > 0) this.#askAgain();
    if (flags & SegmentFlag.asks) this.#tell();
    this.#sendWaiting();
  }

  /** Called some times a second: what is overdue is told, or asked for. */
  tick(): void {
    if (this.destroyed || !this.#options.isConnected()) return;
    if (this.#toldExpected !== this.#expected || this.#creditNow() !== this.#toldCredit) this.#tell();
    if (this.#unheard.size === 0 && this.#waiting === undefined) {
      this.#silentTicks = 0;
      return;
    }
    // Ever seldomer: a side that is away for long is not to be flooded with questions.
    const ticks = this.#silentTicks++;
    if (ticks % MAX_SILENT_TICKS === 0 || (ticks & (ticks - 1)) === 0) this.#send(SegmentFlag.asks);
  }

  /** The connection is back: what was under way when it went may be lost. */
  reconnected(): void {
    if (this.destroyed) return;
    this.#askedAgainAt = -1;
    this.#sendAgain();
    this.#send(SegmentFlag.asks);
    this.#sendWaiting();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#waiting = { parts: [chunk], done };
    this.#sendWaiting();
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#waiting = { parts: chunks.map(({ chunk }) => chunk), done };
    this.#sendWaiting();
  }

  override _final(done: () => void): void {
    this.#hasEnded = true;
    this.#sendNumbered(SegmentFlag.ends, []);
    // Whoever ends may end its process: the last words must have arrived.
    this.#finishing = done;
    this.#finishIfHeard();
  }

  override _read(): void {
    this.#tellIfWorthIt();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!(this.#hasEnded && this.#heardEnd && this.#unheard.size === 0)) this.#send(SegmentFlag.resets);
    this.#unheard.clear();
    this.#waiting?.done();
    this.#waiting = undefined;
    this.#options.closed();
    done(error);
  }

  #take(flags: number, body: Uint8Array): void {
    this.#expected = (this.#expected + 1) >>> 0;
    this.#askedAgainAt = -1;
    this.#receivedBytes = (this.#receivedBytes + body.byteLength) >>> 0;
    if (body.byteLength > 0) this.push(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
    if (flags & SegmentFlag.ends) {
      this.#heardEnd = true;
      this.push(null);
      this.#tell();
    } else this.#tellIfWorthIt();
  }

  #heardExpects(expects: number, credit: number): void {
    for (let first = this.#unheard.peek(); first !== undefined; first = this.#unheard.peek()) {
      if (stepsTo(first.number, expects) <= 0) break;
      this.#unheard.shift();
    }
    if (stepsTo(this.#maySendBytes, credit) > 0) this.#maySendBytes = credit;
    this.#finishIfHeard();
  }

  #finishIfHeard(): void {
    if (this.#finishing === undefined || this.#unheard.size > 0) return;
    const finish = this.#finishing;
    this.#finishing = undefined;
    finish();
  }

  #sendWaiting(): void {
    while (this.#waiting !== undefined && this.#options.isConnected()) {
      const { parts, done } = this.#waiting;
      const room = stepsTo(this.#sentBytes, this.#maySendBytes);
      if (room <= 0) return;
      const most = Math.min(room, MAX_BODY_BYTES, this.#options.maxMessageBytes() - SEGMENT_HEADER_BYTES);
      const body: Buffer[] = [];
      let bytes = 0;
      while (parts.length > 0 && bytes < most) {
        const part = parts[0]!;
        const taken = part.byteLength <= most - bytes ? part : part.subarray(0, most - bytes);
        body.push(taken);
        bytes += taken.byteLength;
        if (taken === part) parts.shift();
        else parts[0] = part.subarray(taken.byteLength);
      }
      this.#sentBytes = (this.#sentBytes + bytes) >>> 0;
      this.#sendNumbered(0, body);
      if (parts.length > 0) continue;
      this.#waiting = undefined;
      // The client writes to its socket at the end of this turn: what has left must not be lost with this process.
      setImmediate(done);
    }
  }

  #sendNumbered(flag: number, body: readonly Uint8Array[]): void {
    const flags = flag | SegmentFlag.numbered;
    const number = this.#nextNumber;
    this.#nextNumber = (number + 1) >>> 0;
    const message = packSegment({ flags, number, ...this.#news() }, body);
    this.#unheard.push({ number, flags, message });
    if (this.#options.isConnected()) this.#options.publish(message);
  }

  /** A message without a number of its own. */
  #send(flags: number): void {
    if (!this.#options.isConnected()) return;
    this.#options.publish(packSegment({ flags, number: this.#nextNumber, ...this.#news() }));
  }

  #tell(): void {
    this.#send(0);
  }

  /** The other side need not hear of each message that came: of a part of what it may send, it must. */
  #tellIfWorthIt(): void {
    const gained = stepsTo(this.#toldCredit, this.#creditNow());
    if (gained >= this.#options.windowBytes() / 4) this.#tell();
  }

  /** Asks once for what is missing, until something of it comes. */
  #askAgain(): void {
    if (this.#askedAgainAt === this.#expected) return;
    this.#askedAgainAt = this.#expected;
    this.#send(SegmentFlag.again);
  }

  #sendAgain(): void {
    if (!this.#options.isConnected()) return;
    for (const { message, flags, number } of this.#unheard) {
      writeHeader(message, { flags, number, ...this.#news() });
      this.#options.publish(message);
    }
  }

  #creditNow(): number {
    // What came and was not read yet takes room.
    return (this.#receivedBytes - this.readableLength + this.#options.windowBytes()) >>> 0;
  }

  #news(): { readonly expects: number; readonly credit: number } {
    const credit = this.#creditNow();
    // It is never taken back: the other side may have used it.
    if (stepsTo(this.#toldCredit, credit) > 0) this.#toldCredit = credit;
    this.#toldExpected = this.#expected;
    return { expects: this.#expected, credit: this.#toldCredit };
  }
}
