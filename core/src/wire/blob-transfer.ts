import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { MusterError } from "../base/errors.ts";
import { checkBlobId } from "./blob-file.ts";
import type { Channel } from "./channel.ts";
import { packMessage } from "./message.ts";

/** A piece of a blob on its way; `offset` and `total` are bytes. A piece with an `error` is the last one. */
export interface BlobPiece {
  readonly id: string;
  readonly offset: number;
  readonly total: number;
  readonly data: Uint8Array;
  readonly error?: string;
}

/** Small enough that heartbeats and results pass between two pieces. */
const PIECE_BYTES = 1024 * 1024;
/** When more than this came and is not yet in its file, in bytes, the channel has to wait. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** Sends the files of blobs over a channel, one after another, piece by piece, never more than the stream takes. */
export class BlobSender {
  readonly #channel: Channel;
  readonly #type: number;
  #last: Promise<void> = Promise.resolve();
  /** Settles when the last piece has left. */
  #left: Promise<void> = Promise.resolve();

  constructor(channel: Channel, type: number) {
    this.#channel = channel;
    this.#type = type;
  }

  /** What goes wrong is told to the other end. */
  send(blob: { readonly id: string; readonly path: string }): void {
    this.#last = this.#last.then(() => this.#sendNow(blob));
  }

  async #sendNow({ id, path }: { readonly id: string; readonly path: string }): Promise<void> {
    if (this.#channel.isClosed) return;
    let file: FileHandle | undefined;
    try {
      file = await open(path, "r");
      const total = (await file.stat()).size;
      for (let offset = 0; offset < total && !this.#channel.isClosed; ) {
        const data = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, total - offset));
        const { bytesRead } = await file.read(data, 0, data.length, offset);
        if (bytesRead === 0) throw new MusterError("INTERNAL", `${path} became shorter while it was sent.`);
        await this.#put({ id, offset, total, data: data.subarray(0, bytesRead) });
        offset += bytesRead;
      }
    } catch (error) {
      await this.#put({ id, offset: 0, total: 0, data: new Uint8Array(), error: String(error) });
    } finally {
      await file?.close().catch(() => {});
    }
  }

  /** While a piece leaves, the next one is read. */
  async #put(piece: BlobPiece): Promise<void> {
    const before = this.#left;
    this.#channel.send(this.#type, packMessage(piece));
    this.#left = this.#channel.drained();
    await before;
  }
}

/** Puts the pieces of blobs together, one blob after another, each in a file that gets its name when it is whole. */
export class BlobReceiver {
  readonly #channel: Channel;
  readonly #path: (id: string) => string;
  #current: { readonly id: string; readonly file: FileHandle; bytes: number } | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waitingBytes = 0;

  /** @param path where the blob of a name is to be */
  constructor(channel: Channel, path: (id: string) => string) {
    this.#channel = channel;
    this.#path = path;
  }

  /**
   * Resolves to `true` with the last piece, when the blob is there.
   * @throws MusterError `PROTOCOL` for a piece that is not the next one, `INTERNAL` when the sender could not send on
   */
  async receive(piece: BlobPiece): Promise<boolean> {
    checkPiece(piece);
    const { byteLength } = piece.data;
    this.#waitingBytes += byteLength;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#channel.pause();
    const taken = this.#last.then(() => this.#take(piece));
    this.#last = taken.catch(() => {});
    try {
      return await taken;
    } finally {
      this.#waitingBytes -= byteLength;
      if (this.#waitingBytes <= MAX_WAITING_BYTES) this.#channel.resume();
    }
  }

  /** Lets go of what will never be whole. */
  async close(): Promise<void> {
    this.#last = this.#last.then(() => this.#drop());
    await this.#last;
  }

  async #take({ id, offset, total, data, error }: BlobPiece): Promise<boolean> {
    if (error !== undefined) {
      await this.#drop();
      throw new MusterError("INTERNAL", `The blob ${id} could not be sent: ${error}`);
    }
    if (this.#current === undefined) {
      this.#current = { id, file: await open(this.#partial(id), "w", 0o600), bytes: 0 };
    }
    const current = this.#current;
    if (current.id !== id || current.bytes !== offset)
      throw new MusterError("PROTOCOL", `A piece of the blob ${id} came that is not the next one.`);
    await current.file.write(data, 0, data.byteLength, offset);
    current.bytes += data.byteLength;
    if (current.bytes < total) return false;
    this.#current = undefined;
    await current.file.close();
    await rename(this.#partial(id), this.#path(id));
    return true;
  }

  async #drop(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    if (current === undefined) return;
    await current.file.close();
    await rm(this.#partial(current.id), { force: true });
  }

  #partial(id: string): string {
    return `${this.#path(id)}.partial`;
  }
}

function checkPiece({ id, data, offset, total }: BlobPiece): void {
  checkBlobId(id);
  if (data instanceof Uint8Array && Number.isSafeInteger(offset) && Number.isSafeInteger(total)) return;
  throw new MusterError("PROTOCOL", `A piece of the blob ${id} is none.`);
}
