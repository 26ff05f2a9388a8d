import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { MusterError } from "../base/errors.ts";
import { checkBlobId } from "./blob-file.ts";
import type { Channel } from "./channel.ts";
import { packMessage } from "./protocol.ts";

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

/** Sends a blob's file piece by piece, never more than the stream takes. */
export async function sendBlob(
  channel: Channel,
  type: number,
  blob: { id: string; path: string },
): Promise<void> {
  const { id, path } = blob;
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const total = (await file.stat()).size;
    for (let offset = 0; offset < total; offset += PIECE_BYTES) {
      const data = Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, total - offset));
      await file.read(data, 0, data.length, offset);
      channel.send(type, packMessage({ id, offset, total, data } satisfies BlobPiece));
      await channel.drained();
    }
  } catch (error) {
    channel.send(
      type,
      packMessage({
        id,
        offset: 0,
        total: 0,
        data: new Uint8Array(),
        error: String(error),
      } satisfies BlobPiece),
    );
  } finally {
    await file?.close();
  }
}

/** A blob that is being put together; `written` settles when all pieces so far are in the file. */
interface Incoming {
  readonly file: Promise<FileHandle>;
  written: Promise<unknown>;
}

/** Puts the pieces of blobs together, each in a file that gets its name when it is whole. */
export class BlobReceiver {
  readonly #path: (id: string) => string;
  readonly #incoming = new Map<string, Incoming>();

  constructor(path: (id: string) => string) {
    this.#path = path;
  }

  /** Resolves to `true` with the last piece, when the blob is there. Pieces of one blob come in order. */
  async receive(piece: BlobPiece): Promise<boolean> {
    const id = checkBlobId(piece.id);
    if (piece.error !== undefined)
      throw new MusterError("INTERNAL", `The blob ${id} could not be sent: ${piece.error}`);
    let incoming = this.#incoming.get(id);
    if (incoming === undefined) {
      const file = open(this.#partial(id), "w", 0o600);
      incoming = { file, written: file };
      this.#incoming.set(id, incoming);
    }
    const { file } = incoming;
    incoming.written = incoming.written.then(async () =>
      (await file).write(piece.data, 0, piece.data.byteLength, piece.offset),
    );
    await incoming.written;
    if (piece.offset + piece.data.byteLength < piece.total) return false;
    this.#incoming.delete(id);
    await (await file).close();
    await rename(this.#partial(id), this.#path(id));
    return true;
  }

  /** Lets go of what will never be whole. */
  async close(): Promise<void> {
    for (const [id, { file }] of this.#incoming) {
      await (await file).close();
      await rm(this.#partial(id), { force: true });
    }
    this.#incoming.clear();
  }

  #partial(id: string): string {
    return `${this.#path(id)}.partial`;
  }
}
