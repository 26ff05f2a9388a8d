import type { Duplex } from "node:stream";
import { MusterError } from "../../base/errors.ts";
import type { LogEvent } from "../../events/event.ts";
import { checkBlobId } from "../../wire/blob-file.ts";
import { type BlobPiece, BlobReceiver, BlobSender } from "../../wire/blob-transfer.ts";
import { Channel } from "../../wire/channel.ts";
import {
  FrameType,
  type GoodbyeMessage,
  type HelloMessage,
  type LogMessage,
  packMessage,
  type ReturnedMessage,
  type StartedMessage,
  unpackMessage,
  type WelcomeMessage,
} from "../../wire/protocol.ts";
import type { TaskFunction } from "../engine.ts";
import { FunctionMessages } from "../function-messages.ts";
import type { WorkerPort } from "../worker-port.ts";
import { checkHello, checkLog, checkPairs } from "./check-messages.ts";

/** What the hub hears from one worker. */
export interface ConnectionSink {
  /** @throws MusterError when there is no place for this worker; the connection is then closed */
  hello(connection: WorkerConnection, message: HelloMessage): void;
  reports(connection: WorkerConnection, body: Buffer): void;
  started(connection: WorkerConnection, ids: readonly number[]): void;
  returned(connection: WorkerConnection, ids: readonly number[]): void;
  draining(connection: WorkerConnection): void;
  log(events: readonly LogEvent[]): void;
  closed(connection: WorkerConnection, end: { readonly drained: boolean; readonly reason: string }): void;
}

export interface ConnectionOptions {
  readonly stream: Duplex;
  readonly sink: ConnectionSink;
  /** Where a blob of this name lies, or will. */
  readonly blobPath: (id: string) => string;
}

/**
 * The hub's end of the link to one worker. Whatever comes over it is checked: what makes no sense throws, which closes
 * this connection and costs no other.
 */
export class WorkerConnection implements WorkerPort {
  readonly #channel: Channel;
  readonly #sink: ConnectionSink;
  readonly #blobPath: (id: string) => string;
  readonly #receiver: BlobReceiver;
  readonly #sender: BlobSender;
  readonly #functions = new FunctionMessages();
  #hello: HelloMessage | undefined;
  #goodbye: string | undefined;
  #heard = true;

  constructor(options: ConnectionOptions) {
    this.#sink = options.sink;
    this.#blobPath = options.blobPath;
    this.#channel = new Channel(options.stream, {
      frame: (type, body) => this.#receive(type, body),
      closed: (error) => this.#closed(error),
    });
    this.#receiver = new BlobReceiver(this.#channel, options.blobPath);
    this.#sender = new BlobSender(this.#channel, FrameType.blobData);
  }

  /** The worker's name; empty before it has said it. */
  get workerId(): string {
    return this.#hello?.workerId ?? "";
  }

  welcome(message: WelcomeMessage): void {
    this.#send(FrameType.welcome, message);
  }

  define(fn: TaskFunction): void {
    const { code, define } = this.#functions.for(fn);
    if (code !== undefined) this.#send(FrameType.code, code);
    this.#send(FrameType.define, define);
  }

  tasks(parts: readonly Uint8Array[]): void {
    this.#channel.send(FrameType.tasks, ...parts);
  }

  cancel(id: number, attempt: number, graceMs: number): void {
    this.#send(FrameType.cancel, { id, attempt, graceMs });
  }

  recall(lane: number, count: number): void {
    this.#send(FrameType.recall, { lane, count });
  }

  drain(): void {
    this.#send(FrameType.drain, {});
  }

  forgetBlobs(ids: readonly string[]): void {
    this.#send(FrameType.blobForget, { ids });
  }

  ping(): void {
    this.#channel.send(FrameType.ping);
  }

  /** Whether anything came since the last time that this was asked. */
  takeHeard(): boolean {
    const heard = this.#heard;
    this.#heard = false;
    return heard;
  }

  /** Tells the worker to end, and closes. */
  shutdown(): void {
    this.#channel.send(FrameType.shutdown);
    this.#channel.end();
  }

  destroy(): void {
    this.#channel.destroy();
  }

  #receive(type: number, body: Buffer): void {
    this.#heard = true;
    if (this.#hello === undefined) {
      if (type !== FrameType.hello)
        throw new MusterError("PROTOCOL", "A worker spoke before it said its name.");
      const hello = checkHello(unpackMessage(body));
      this.#hello = hello;
      this.#sink.hello(this, hello);
      return;
    }
    switch (type) {
      case FrameType.reports:
        this.#sink.reports(this, body);
        return;
      case FrameType.started:
        this.#sink.started(this, checkPairs(unpackMessage<StartedMessage>(body).ids));
        return;
      case FrameType.returned:
        this.#sink.returned(this, checkPairs(unpackMessage<ReturnedMessage>(body).ids));
        return;
      case FrameType.log:
        this.#sink.log(checkLog(unpackMessage<LogMessage>(body).events));
        return;
      case FrameType.draining:
        this.#sink.draining(this);
        return;
      case FrameType.goodbye:
        this.#goodbye = String(unpackMessage<GoodbyeMessage>(body).reason);
        return;
      case FrameType.blobGet:
        this.#sendBlob(unpackMessage<{ id: string }>(body).id);
        return;
      case FrameType.blobPut:
        void this.#receiveBlob(unpackMessage<BlobPiece>(body));
        return;
    }
  }

  #sendBlob(id: string): void {
    this.#sender.send({ id, path: this.#blobPath(checkBlobId(id)) });
  }

  async #receiveBlob(piece: BlobPiece): Promise<void> {
    try {
      // What a worker makes carries its name, so that it cannot replace what others made.
      if (!checkBlobId(piece.id).startsWith(`${this.workerId}-`))
        throw new MusterError(
          "PROTOCOL",
          `The worker ${this.workerId} cannot make a blob called ${piece.id}.`,
        );
      if (await this.#receiver.receive(piece)) this.#send(FrameType.blobStored, { id: piece.id });
    } catch (error) {
      // A worker whose results cannot be kept is of no use; its tasks go elsewhere.
      this.#channel.destroy(error as Error);
    }
  }

  #closed(error: Error | undefined): void {
    void this.#receiver.close();
    const drained = this.#goodbye !== undefined;
    const reason = this.#goodbye ?? error?.message ?? "the connection closed";
    this.#sink.closed(this, { drained, reason });
  }

  #send(type: number, message: unknown): void {
    this.#channel.send(type, packMessage(message));
  }
}
