import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { BlobPlace } from "../thread/thread-messages.ts";
import { removeBlobDirectory } from "../wire/blob-directory.ts";
import { checkBlobId } from "../wire/blob-file.ts";
import { type KeptDirectory, makeKeptDirectory } from "../wire/blob-leases.ts";
import { type BlobPiece, BlobReceiver, BlobSender } from "../wire/blob-transfer.ts";
import type { Channel } from "../wire/channel.ts";
import { PROOF_FILE } from "../wire/limits.ts";
import { packMessage } from "../wire/message.ts";
import { FrameType, type WelcomeMessage } from "../wire/protocol.ts";
import type { BlobKeeper } from "./engine-way.ts";

/**
 * The blobs of a worker. On the engine's machine they are files that both see, and nothing moves; elsewhere they
 * are copied over the link into a directory of the worker's own.
 */
export class WorkerBlobs implements BlobKeeper {
  readonly directory: string;
  readonly #own: KeptDirectory | undefined;
  readonly #channel: Channel;
  readonly tag: string;
  readonly isShared: boolean;
  readonly #receiver: BlobReceiver;
  readonly #sender: BlobSender;
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();

  private constructor(channel: Channel, place: BlobPlace, own?: KeptDirectory) {
    this.#own = own;
    const { directory, tag, isShared } = place;
    this.#channel = channel;
    this.directory = directory;
    this.tag = tag;
    this.isShared = isShared;
    this.#receiver = new BlobReceiver(channel, (id) => join(directory, id));
    this.#sender = new BlobSender(channel, FrameType.blobPut);
  }

  static open(channel: Channel, offer: WelcomeMessage["blobs"]): WorkerBlobs {
    const { directory, tag } = offer;
    if (seesSameDirectory(offer)) return new WorkerBlobs(channel, { directory, tag, isShared: true });
    const own = makeKeptDirectory("worker", "own");
    return new WorkerBlobs(channel, { directory: own.path, tag, isShared: false }, own);
  }

  /** Brings a blob into the directory. */
  async fetch(id: string): Promise<void> {
    if (this.isShared || existsSync(join(this.directory, checkBlobId(id)))) return;
    await this.#ask(id, () => this.#channel.send(FrameType.blobGet, packMessage({ id })));
  }

  /** Gives a blob from the directory to the engine. */
  async store(id: string): Promise<void> {
    if (this.isShared) return;
    await this.#ask(id, () => this.#sender.send({ id, path: join(this.directory, id) }));
  }

  async received(piece: BlobPiece): Promise<void> {
    try {
      if (await this.#receiver.receive(piece)) this.#settle(piece.id);
    } catch (error) {
      this.#settle(piece.id, error as Error);
    }
  }

  /** The engine has what `store` sent. */
  stored(id: string): void {
    this.#settle(id);
  }

  async forget(ids: readonly string[]): Promise<void> {
    if (this.isShared) return;
    await Promise.all(ids.map((id) => rm(join(this.directory, checkBlobId(id)), { force: true })));
  }

  /**
   * Removes what this worker kept; what it shares with its engine, only when the engine is gone and cannot do so
   * itself. Does not wait: the process is about to end.
   */
  close(options: { engineGone: boolean }): void {
    this.#own?.stopKeeping();
    if (!this.isShared || options.engineGone) removeBlobDirectory(this.directory);
  }

  #ask(id: string, ask: () => void): Promise<void> {
    const asked = this.#waiting.get(id);
    if (asked !== undefined) return asked.promise;
    const waiting = Promise.withResolvers<void>();
    this.#waiting.set(id, waiting);
    ask();
    return waiting.promise;
  }

  #settle(id: string, error?: Error): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve();
    else waiting?.reject(error);
  }
}

function seesSameDirectory(offer: WelcomeMessage["blobs"]): boolean {
  try {
    return readFileSync(join(offer.directory, PROOF_FILE), "utf8") === offer.proof;
  } catch {
    return false;
  }
}
