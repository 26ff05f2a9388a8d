import { open } from "node:fs/promises";
import {
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  StorageType,
} from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { MusterError } from "../../base/errors.ts";
import { delay } from "../../base/wait.ts";
import { checkBlobId } from "../blob-file.ts";
import { explainNats } from "./explain-nats.ts";

/** Whoever has no driver any more that would remove it: what a run left is gone after so long, in milliseconds. */
const MAX_AGE_MS = 24 * 60 * 60_000;
/** The bytes of a piece: with what a message has beside them, less than most servers' limit. */
const PIECE_BYTES = 512 * 1024;
const MESSAGE_RESERVE_BYTES = 8 * 1024;
/** Pieces of one blob that are under way at once. */
const MAX_UNDER_WAY = 4;
/** A server that is being started again has so long to be back, in milliseconds. */
const PATIENCE_MS = 120_000;
const RETRY_MS = 250;
/** What the server calls it. */
const STREAM_NOT_FOUND = 10059;
/** In the header of the first piece: how many there are. */
const PIECES = "Muster-Pieces";

/**
 * The large values of a run, in an object store of NATS that is made for it. A value lies there as its pieces alone, each
 * under a subject of its own: so whoever knows its name has it with one question and one answer a piece, and none of the
 * bytes is hashed in JavaScript, which is what limits the store's own client (see docs/performance.md).
 */
export class BlobBucket {
  readonly #name: string;
  readonly #connection: NatsConnection;
  readonly #client: JetStreamClient;
  #manager: Promise<JetStreamManager> | undefined;
  readonly #signal: AbortSignal;
  readonly #pieceBytes: number;

  /** @param signal nobody waits any more */
  constructor(connection: NatsConnection, runId: string, signal: AbortSignal) {
    this.#connection = connection;
    this.#client = jetstream(connection);
    this.#name = `muster-${runId}`;
    this.#signal = signal;
    // Not later: while the server is away, nobody knows.
    const limit = connection.info?.max_payload ?? PIECE_BYTES;
    this.#pieceBytes = Math.min(PIECE_BYTES, limit - MESSAGE_RESERVE_BYTES);
  }

  get #stream(): string {
    return `OBJ_${this.#name}`;
  }

  async create(): Promise<void> {
    const options = {
      description: "Large values of a run of Muster",
      storage: StorageType.File,
      ttl: MAX_AGE_MS * 1e6,
    };
    await this.#explained(
      "make the object store of a run",
      new Objm(this.#client).create(this.#name, options),
    );
  }

  /** Whether the server says that there is none: the run has ended, or was given up. */
  async isGone(): Promise<boolean> {
    try {
      await (await this.#jsm()).streams.info(this.#stream);
      return false;
    } catch (error) {
      return error instanceof JetStreamApiError && error.code === STREAM_NOT_FOUND;
    }
  }

  /** Removes it with all that is in it. */
  async destroy(): Promise<void> {
    await (await this.#jsm()).streams.delete(this.#stream);
  }

  /**
   * Stores the file of a blob. Resolves when the server has it all.
   * @throws NatsError when it will not; then nothing of it is left there
   */
  async put(id: string, path: string): Promise<void> {
    try {
      await this.#explained("store a large value", this.#put(id, path));
    } catch (error) {
      await this.remove([id]).catch(() => undefined);
      throw error;
    }
  }

  async #put(id: string, path: string): Promise<void> {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      const most = this.#pieceBytes;
      const pieces = Math.max(1, Math.ceil(size / most));
      await inTurn(pieces, async (piece) => {
        const data = Buffer.allocUnsafeSlow(Math.min(most, size - piece * most));
        await file.read(data, 0, data.length, piece * most);
        const head = headers();
        if (piece === 0) head.set(PIECES, String(pieces));
        await this.#patiently(() =>
          this.#client.publish(this.#subject(id, piece), data, { headers: head, timeout: 10_000 }),
        );
      });
    } finally {
      await file.close();
    }
  }

  /** @throws MusterError `INTERNAL` when there is no such blob, NatsError when it cannot be had */
  get(id: string): Promise<Buffer> {
    return this.#explained("give a large value", this.#get(id));
  }

  async #get(id: string): Promise<Buffer> {
    const first = await this.#piece(id, 0);
    const count = Number(first.header.get(PIECES));
    if (count === 1) return Buffer.from(first.data.buffer, first.data.byteOffset, first.data.byteLength);
    const pieces = new Array<Uint8Array>(count);
    pieces[0] = first.data;
    await inTurn(count - 1, async (index) => {
      pieces[index + 1] = (await this.#piece(id, index + 1)).data;
    });
    return Buffer.concat(pieces);
  }

  /** Nobody needs these any more. */
  async remove(ids: readonly string[]): Promise<void> {
    const manager = await this.#jsm();
    await inTurn(ids.length, async (index) => {
      const filter = this.#subject(ids[index]!, "*");
      await manager.streams.purge(this.#stream, { filter }).catch(() => undefined);
    });
  }

  async #piece(id: string, piece: number) {
    const manager = await this.#jsm();
    const found = await this.#patiently(() =>
      manager.direct.getMessage(this.#stream, { last_by_subj: this.#subject(id, piece) }),
    );
    if (found !== null) return found;
    throw new MusterError("INTERNAL", `The blob ${id} is not in the object store of its run.`);
  }

  /** Its answer; or what it says, and what to do. */
  async #explained<T>(what: string, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      // Our own say it already; and what the disk here says is not the server's.
      if (error instanceof MusterError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
      throw explainNats(error, what, this.#connection.getServer());
    }
  }

  #subject(id: string, piece: number | "*"): string {
    return `$O.${this.#name}.C.${checkBlobId(id)}.${piece}`;
  }

  #jsm(): Promise<JetStreamManager> {
    this.#manager ??= jetstreamManager(this.#connection, { checkAPI: false });
    return this.#manager;
  }

  /** A server that is away for a while costs time, and no value. */
  async #patiently<T>(attempt: () => Promise<T>): Promise<T> {
    for (const begin = performance.now(); ; ) {
      try {
        return await attempt();
      } catch (error) {
        if (!isPassing(error) || performance.now() - begin > PATIENCE_MS) throw error;
        await delay(RETRY_MS, { signal: this.#signal });
      }
    }
  }
}

/** Whether another try may help: neither what the server itself says is trouble of the way to it, nor what it does not allow. */
function isPassing(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return false;
  const { trouble } = explainNats(error, "do it");
  return trouble !== "FORBIDDEN" && trouble !== "LIMIT";
}

/** Calls for each number below `count`, some at once; after a failure, for no more. */
async function inTurn(count: number, call: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    try {
      while (next < count) await call(next++);
    } catch (error) {
      next = count;
      throw error;
    }
  };
  const all = await Promise.allSettled(Array.from({ length: Math.min(count, MAX_UNDER_WAY) }, one));
  const failed = all.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
