import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { MessagePort } from "node:worker_threads";
import { MusterError } from "../base/errors.ts";
import { type EncodedParts, readBlobFile, writeBlobFile } from "../wire/blob-file.ts";
import { type BlobValue, Tag } from "../wire/envelope.ts";
import type { Encoded } from "../wire/values.ts";
import type { BlobFailure, BlobPlace, FromThread } from "./thread-messages.ts";

/**
 * Large values of a task thread. They are files in a directory that lies in memory where there is one: the engine's
 * own when the worker is on its machine, else a cache that the worker's main thread fills and empties.
 */
export class ThreadBlobs {
  readonly #port: MessagePort;
  readonly #prefix: string;
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  #place: BlobPlace | undefined;
  #made = 0;

  /** @param prefix makes the names of this thread's blobs unlike every other's */
  constructor(port: MessagePort, prefix: string) {
    this.#port = port;
    this.#prefix = prefix;
  }

  set place(place: BlobPlace) {
    this.#place = place;
  }

  /** Keeps a value. What is given, now or later, says that the engine has it, so that the worker may die. */
  put(encoded: Encoded): BlobValue | Promise<BlobValue> {
    const id = `${this.#prefix}-${this.#place!.tag}-${++this.#made}`;
    writeBlobFile(this.#path(id), encoded);
    const blob: BlobValue = [Tag.blob, id, encoded.byteLength];
    return this.#place!.isShared
      ? blob
      : this.#ask({ type: "blobPut", id }).then(
          () => blob,
          (error: unknown) => {
            // Nobody knows of it, so nobody would remove it.
            rmSync(this.#path(id), { force: true });
            throw error;
          },
        );
  }

  async get(id: string): Promise<EncodedParts> {
    const path = this.#path(id);
    if (!existsSync(path)) await this.#ask({ type: "blobGet", id });
    return readBlobFile(path);
  }

  /** The main thread's answer to `blobGet` or `blobPut`. */
  settle(id: string, error: BlobFailure | undefined): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(new MusterError(error.code, error.message));
  }

  #path(id: string): string {
    if (this.#place === undefined)
      throw new MusterError("INTERNAL", "A blob was asked for before the run began.");
    return join(this.#place.directory, id);
  }

  /** Several tasks of one thread may wait for the same blob: they share one question. */
  #ask(message: Extract<FromThread, { id: string }>): Promise<void> {
    const asked = this.#waiting.get(message.id);
    if (asked !== undefined) return asked.promise;
    const waiting = Promise.withResolvers<void>();
    this.#waiting.set(message.id, waiting);
    this.#port.postMessage(message);
    return waiting.promise;
  }
}
