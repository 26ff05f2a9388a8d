import { randomBytes } from "node:crypto";
import { linkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { atExit } from "../base/at-exit.ts";
import { systemClock } from "../base/clock.ts";
import { MusterError } from "../base/errors.ts";
import { removeBlobDirectory } from "../wire/blob-directory.ts";
import { type EncodedParts, readBlobFile, writeBlobFile } from "../wire/blob-file.ts";
import { unflatten } from "../wire/blob-format.ts";
import { makeKeptDirectory } from "../wire/blob-leases.ts";
import { type BlobValue, Tag } from "../wire/envelope.ts";
import type { Encoded } from "../wire/values.ts";
import { BlobCollector } from "./blob-collector.ts";

/** A blob that somebody may still need. When nobody can reach the handle any more, the blob is removed. */
export class BlobHandle {
  readonly id: string;
  readonly byteLength: number;
  /** The workers that made it, or were sent tasks that need it: where it lies now, or soon will. */
  readonly #holders = new Set<string>();

  constructor(id: string, byteLength: number) {
    this.id = id;
    this.byteLength = byteLength;
  }

  isHeldBy(workerId: string): boolean {
    return this.#holders.has(workerId);
  }

  holdAt(workerId: string): void {
    this.#holders.add(workerId);
  }

  get wire(): BlobValue {
    return [Tag.blob, this.id, this.byteLength];
  }
}

export interface BlobStoreOwner {
  /** Nobody needs these blobs any more: copies of them may go. */
  freed(ids: readonly string[]): void;
  /** Brings what is not in the directory; undefined when it is there. */
  fetch(id: string): Promise<Buffer> | undefined;
}

/**
 * Where an engine keeps large values: files of one directory, in memory where there is such a place, which workers on
 * this machine read and write themselves.
 */
export class BlobStore {
  readonly directory: string;
  /** What is in the proof file, so that a worker can tell that its directory is this one. */
  readonly proof: string;
  /** In the names of all blobs of this run, and of no other's: what is left of another run cannot be taken for one. */
  readonly tag = randomBytes(5).toString("hex");
  readonly #registry: FinalizationRegistry<string>;
  readonly #stopKeeping: () => void;
  readonly #owner: BlobStoreOwner;
  readonly #forgetExit: () => void;
  readonly #removeAll = (): void => removeBlobDirectory(this.directory);
  readonly #collector = new BlobCollector(systemClock);
  readonly #fetching = new Set<Promise<Buffer>>();
  #made = 0;
  #freed: string[] = [];
  #closed = false;

  constructor(secret: string, owner: BlobStoreOwner) {
    this.#owner = owner;
    const kept = makeKeptDirectory("run", secret);
    this.directory = kept.path;
    this.proof = kept.proof;
    this.#stopKeeping = kept.stopKeeping;
    // For a program that exits in the middle of a run.
    this.#forgetExit = atExit(this.#removeAll);
    this.#registry = new FinalizationRegistry((id) => this.#free(id));
  }

  path(id: string): string {
    return join(this.directory, id);
  }

  put(encoded: Encoded): BlobHandle {
    const id = this.#nextId();
    writeBlobFile(this.path(id), encoded);
    return this.handle(id, encoded.byteLength);
  }

  /**
   * Another store's blob as one of this: the same file under a second name, which takes no memory.
   * @throws where that is not possible: on another file system, or when the other store is closed
   */
  link(blob: BlobHandle, from: BlobStore): BlobHandle {
    const id = this.#nextId();
    linkSync(from.path(blob.id), this.path(id));
    return this.handle(id, blob.byteLength);
  }

  #nextId(): string {
    return `driver-${this.tag}-${++this.#made}`;
  }

  /** The handle of a blob that a worker made. */
  handle(id: string, byteLength: number): BlobHandle {
    const handle = new BlobHandle(id, byteLength);
    this.#registry.register(handle, id, handle);
    this.#collector.made(byteLength);
    return handle;
  }

  /** Nobody needs it any more. */
  release(handle: BlobHandle): void {
    if (!this.#registry.unregister(handle)) return;
    this.#collector.released(handle.byteLength);
    this.#free(handle.id);
  }

  /**
   * What is large comes later: the driver does other things meanwhile.
   * @throws MusterError `CLOSED` once all is removed
   */
  get(id: string): EncodedParts | Promise<EncodedParts> {
    if (this.#closed) throw new MusterError("CLOSED", "The engine that kept it is closed.");
    const fetching = this.#owner.fetch(id);
    if (fetching === undefined) return readBlobFile(this.path(id));
    this.#fetching.add(fetching);
    return fetching.then((bytes) => unflatten(bytes)).finally(() => this.#fetching.delete(fetching));
  }

  /** Resolves when nothing is on its way here from elsewhere. */
  async idle(): Promise<void> {
    while (this.#fetching.size > 0) await Promise.allSettled(this.#fetching);
  }

  close(): void {
    this.#closed = true;
    this.#stopKeeping();
    this.#forgetExit();
    this.#removeAll();
  }

  #free(id: string): void {
    if (this.#closed) return;
    if (this.#freed.length === 0) queueMicrotask(() => this.#remove());
    this.#freed.push(id);
  }

  #remove(): void {
    const ids = this.#freed;
    this.#freed = [];
    if (this.#closed) return;
    this.#owner.freed(ids);
    // A file that is gone already is as good as removed; the directory goes at the end in any case.
    for (const id of ids) rm(this.path(id), { force: true }).catch(() => {});
  }
}
