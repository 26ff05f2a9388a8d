import { existsSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { MusterError } from "../base/errors.ts";
import { removeBlobDirectory } from "../wire/blob-directory.ts";
import { checkBlobId } from "../wire/blob-file.ts";
import { makeKeptDirectory, sweepBlobDirectories } from "../wire/blob-leases.ts";
import type { BlobPiece } from "../wire/blob-transfer.ts";
import type { Channel } from "../wire/channel.ts";
import { packMessage } from "../wire/message.ts";
import type { BlobBucket } from "../wire/nats/blob-bucket.ts";
import { FrameType } from "../wire/protocol.ts";
import type { BlobKeeper } from "./engine-way.ts";

/** In the names of what the driver made. */
const DRIVERS = "driver-";

/**
 * The blobs of a worker whose engine is NATS: what it makes goes to the run's object store, and what it needs comes from
 * there, once: it is kept in a directory until nobody needs it any more.
 */
export class NatsBlobs implements BlobKeeper {
  readonly directory: string;
  readonly tag: string;
  readonly isShared = false;
  readonly #kept = makeKeptDirectory("worker", "own");
  readonly #channel: Channel;
  readonly #bucket: BlobBucket;
  readonly #fetching = new Map<string, Promise<void>>();
  readonly #asked = new Map<string, PromiseWithResolvers<void>>();

  constructor(channel: Channel, bucket: BlobBucket, tag: string) {
    this.directory = this.#kept.path;
    this.#channel = channel;
    this.#bucket = bucket;
    this.tag = tag;
  }

  fetch(id: string): Promise<void> {
    const path = join(this.directory, checkBlobId(id));
    if (existsSync(path)) return Promise.resolve();
    const fetching = this.#fetching.get(id) ?? this.#fetch(id, path).finally(() => this.#fetching.delete(id));
    this.#fetching.set(id, fetching);
    return fetching;
  }

  async #fetch(id: string, path: string): Promise<void> {
    if (id.startsWith(DRIVERS)) await this.#askDriver(id);
    const part = `${path}.part`;
    await writeFile(part, await this.#bucket.get(id), { mode: 0o600 });
    await rename(part, path);
  }

  store(id: string): Promise<void> {
    return this.#bucket.put(id, join(this.directory, id));
  }

  /** The driver cannot store what it was asked for. */
  async received({ id, error }: BlobPiece): Promise<void> {
    this.#asked.get(id)?.reject(new MusterError("NATS", error ?? "The driver could not store it."));
    this.#asked.delete(id);
  }

  /** The driver has stored what it was asked for. */
  stored(id: string): void {
    this.#asked.get(id)?.resolve();
    this.#asked.delete(id);
  }

  async forget(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => rm(join(this.directory, checkBlobId(id)), { force: true })));
  }

  close(): void {
    this.#kept.stopKeeping();
    removeBlobDirectory(this.directory);
    // A driver that was killed, and was on this machine, has left its own: nobody else is there who would look for it.
    sweepBlobDirectories(dirname(this.directory));
  }

  #askDriver(id: string): Promise<void> {
    const asked = Promise.withResolvers<void>();
    this.#asked.set(id, asked);
    this.#channel.send(FrameType.blobGet, packMessage({ id }));
    return asked.promise;
  }
}
