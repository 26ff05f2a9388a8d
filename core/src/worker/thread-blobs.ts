import { existsSync } from "node:fs";
import { join } from "node:path";
import type { MessagePort } from "node:worker_threads";
import { MusterError } from "../base/errors.ts";
import { type EncodedParts, readBlobFileSync, writeBlobFile } from "../wire/blob-file.ts";
import { type BlobValue, Tag } from "../wire/protocol.ts";
import type { Encoded } from "../wire/values.ts";
import type { FromThread } from "./thread-messages.ts";

/**
 * Large values of a task thread. They are files in a directory that lies in memory where there is one: the engine's
 * own when the worker is on its machine, else a cache that the worker's main thread fills and empties.
 */
export class ThreadBlobs {
  readonly #port: MessagePort;
  readonly #prefix: string;
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  #directory: string | undefined;
  #made = 0;

  /** @param prefix makes the names of this thread's blobs unlike every other's */
  constructor(port: MessagePort, prefix: string, directory: string | undefined) {
    this.#port = port;
    this.#prefix = prefix;
    this.#directory = directory;
  }

  set directory(directory: string) {
    this.#directory = directory;
  }

  /** Keeps a value; resolves when the engine has it, so that the worker may die. */
  async put(encoded: Encoded): Promise<BlobValue> {
    const id = `${this.#prefix}-${++this.#made}`;
    writeBlobFile(this.#path(id), encoded);
    await this.#ask({ type: "blobPut", id, byteLength: encoded.byteLength });
    return [Tag.blob, id, encoded.byteLength];
  }

  async get(id: string): Promise<EncodedParts> {
    const path = this.#path(id);
    if (!existsSync(path)) await this.#ask({ type: "blobGet", id });
    return readBlobFileSync(path);
  }

  /** The main thread's answer to `blobGet` or `blobPut`. */
  settle(id: string, error: string | undefined): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(new MusterError("INTERNAL", error));
  }

  #path(id: string): string {
    if (this.#directory === undefined)
      throw new MusterError("INTERNAL", "A blob was asked for before the run began.");
    return join(this.#directory, id);
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
