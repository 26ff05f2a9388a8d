import { MusterError } from "../../base/errors.ts";
import type { TaskFunction } from "../../contracts/engine.ts";
import type { LogEvent } from "../../contracts/event.ts";
import { checkBlobId } from "../../wire/blob-file.ts";
import { type BlobPiece, BlobReceiver, BlobSender } from "../../wire/blob-transfer.ts";
import type { Channel, ChannelListener } from "../../wire/channel.ts";
import { packMessage, unpackMessage } from "../../wire/message.ts";
import {
  type BeginsMessage,
  type CancelMessage,
  FrameType,
  type GoodbyeMessage,
  type HelloMessage,
  type LaneEndedMessage,
  type LogMessage,
  type RecallMessage,
  type RestMessage,
  type ReturnedMessage,
  readBegins,
  readLaneReports,
  type StartedMessage,
  type WelcomeMessage,
} from "../../wire/protocol.ts";
import { FunctionMessages } from "../function-messages.ts";
import type { WorkerPort } from "../worker-port.ts";
import { checkLaneEnded, checkLog, checkPairs, checkRest, checkReturned } from "./check-messages.ts";

/** What the hub hears from one worker. */
export interface ConnectionSink {
  /** The worker is gone or about to be: no more tasks for it. Its threads may still have something to say. */
  closing(connection: WorkerConnection): void;
  /** Its first lane is about to open: now it can run tasks. */
  ready(connection: WorkerConnection): void;
  laneOpened(connection: WorkerConnection, lane: number): void;
  /** All that its thread said has been heard. */
  laneEnded(connection: WorkerConnection, message: LaneEndedMessage): void;
  reports(connection: WorkerConnection, lane: number, body: Buffer): void;
  begins(connection: WorkerConnection, lane: number, message: BeginsMessage): void;
  started(connection: WorkerConnection, ids: readonly number[]): void;
  returned(connection: WorkerConnection, message: ReturnedMessage): void;
  draining(connection: WorkerConnection): void;
  /** It asks to work no more for now. */
  resting(connection: WorkerConnection): void;
  awake(connection: WorkerConnection): void;
  log(events: readonly LogEvent[]): void;
  /** All that it and its threads said has been heard. */
  closed(connection: WorkerConnection, end: { readonly drained: boolean; readonly reason: string }): void;
}

export interface ConnectionOptions {
  readonly channel: Channel;
  readonly hello: HelloMessage;
  readonly sink: ConnectionSink;
  /** Where a blob of this name lies, or will. */
  readonly blobPath: (id: string) => string;
  /** Puts a blob where the worker finds it; undefined where it is sent to the worker. */
  readonly storeBlob: ((id: string) => Promise<void>) | undefined;
}

/** The connection of a task thread, and what its worker said of the thread's end. */
interface OpenLane {
  readonly channel: Channel;
  isClosed: boolean;
  ended: LaneEndedMessage | undefined;
}

const NOTHING = new Uint8Array(0);
/** A worker that has to end a task gives a sign of life so long after the task's grace at the latest, in milliseconds. */
const CANCEL_ANSWER_MS = 2000;
/** Of lanes that were never opened, so many a thread are remembered. */
const MAX_NEVER_OPENED = 4;

/**
 * The hub's end of the links to one worker: one for the worker itself, and a lane for each of its task threads. Whatever
 * comes over them is checked: what makes no sense throws, which closes that connection, and costs no other worker.
 */
export class WorkerConnection implements WorkerPort, ChannelListener {
  readonly #channel: Channel;
  readonly #hello: HelloMessage;
  readonly #sink: ConnectionSink;
  readonly #blobPath: (id: string) => string;
  readonly #storeBlob: ((id: string) => Promise<void>) | undefined;
  readonly #receiver: BlobReceiver;
  readonly #sender: BlobSender;
  readonly #functions = new FunctionMessages();
  readonly #lanes = new Map<number, OpenLane>();
  /** The latest lanes whose threads ended before they were heard here: such a connection may still be on its way. */
  readonly #neverOpened = new Set<number>();
  #openLanes = 0;
  #isReady = false;
  #goodbye: string | undefined;
  #end: { readonly drained: boolean; readonly reason: string } | undefined;
  #heard = true;
  #patienceMs = Number.POSITIVE_INFINITY;
  /** How often it has been awake. */
  #turn = 0;

  constructor(options: ConnectionOptions) {
    this.#channel = options.channel;
    this.#hello = options.hello;
    this.#sink = options.sink;
    this.#blobPath = options.blobPath;
    this.#storeBlob = options.storeBlob;
    this.#receiver = new BlobReceiver(this.#channel, options.blobPath);
    this.#sender = new BlobSender(this.#channel, FrameType.blobData);
  }

  get workerId(): string {
    return this.#hello.workerId;
  }

  get hello(): HelloMessage {
    return this.#hello;
  }

  welcome(message: WelcomeMessage): void {
    this.#send(FrameType.welcome, message);
  }

  /** @throws MusterError `PROTOCOL` when the lane is or was there already, or the worker has too many */
  openLane(number: number, channel: Channel): ChannelListener {
    // A thread that takes another one's place may be heard before that one's connection is seen to close.
    const isTooMany = this.#openLanes >= 2 * this.#hello.threads;
    if (isTooMany || this.#end !== undefined || this.#lanes.has(number) || this.#neverOpened.delete(number))
      throw new MusterError("PROTOCOL", `The worker ${this.workerId} cannot have another lane ${number}.`);
    const lane: OpenLane = { channel, isClosed: false, ended: undefined };
    this.#lanes.set(number, lane);
    if (!this.#isReady) {
      this.#isReady = true;
      this.#sink.ready(this);
    }
    this.#sink.laneOpened(this, number);
    this.#openLanes++;
    return {
      frame: (type, body) => {
        if (type === FrameType.reports) this.#sink.reports(this, number, body);
        else if (type === FrameType.begins) this.#sink.begins(this, number, readBegins(body));
        else if (type === FrameType.log) this.#sink.log(checkLog(unpackMessage<LogMessage>(body).events));
      },
      closed: () => {
        this.#openLanes--;
        lane.isClosed = true;
        this.#tellLaneEnded(number, lane);
        this.#tellClosed();
      },
    };
  }

  define(fn: TaskFunction): void {
    const { code, define } = this.#functions.for(fn);
    if (code !== undefined) this.#send(FrameType.code, code);
    this.#send(FrameType.define, define);
  }

  tasks(lane: number, parts: readonly Uint8Array[]): void {
    this.#lanes.get(lane)?.channel.send(FrameType.tasks, ...parts);
  }

  cancel(message: CancelMessage): void {
    this.#send(FrameType.cancel, message);
    this.#patienceMs = message.graceMs + CANCEL_ANSWER_MS;
  }

  recall(message: RecallMessage): void {
    this.#send(FrameType.recall, message);
  }

  drain(): void {
    this.#send(FrameType.drain, {});
  }

  rested(): void {
    this.#send(FrameType.rested, { turn: this.#turn } satisfies RestMessage);
  }

  forgetBlobs(ids: readonly string[]): void {
    this.#send(FrameType.blobForget, { ids });
  }

  ping(): void {
    this.#channel.send(FrameType.ping);
  }

  /** One that has to end a task and gives no sign of life is given up sooner than others, in milliseconds. */
  get patienceMs(): number {
    return this.#patienceMs;
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

  /** The worker is believed to be gone: what it and its threads have said is heard, then all closes. */
  hearOut(): void {
    this.#channel.hearOut();
    for (const { channel } of this.#lanes.values()) channel.hearOut();
  }

  frame(type: number, body: Buffer): void {
    this.#heard = true;
    this.#patienceMs = Number.POSITIVE_INFINITY;
    switch (type) {
      case FrameType.started:
        this.#sink.started(this, checkPairs(unpackMessage<StartedMessage>(body).ids));
        return;
      case FrameType.returned:
        this.#sink.returned(this, checkReturned(unpackMessage(body)));
        return;
      case FrameType.laneReports:
        this.#heardLaneReports(body);
        return;
      case FrameType.laneEnded:
        this.#heardLaneEnded(checkLaneEnded(unpackMessage(body)));
        return;
      case FrameType.draining:
        this.#sink.draining(this);
        return;
      case FrameType.resting:
        this.#sink.resting(this);
        return;
      case FrameType.awake:
        this.#turn = checkRest(unpackMessage(body)).turn;
        this.#sink.awake(this);
        return;
      case FrameType.log:
        this.#sink.log(checkLog(unpackMessage<LogMessage>(body).events));
        return;
      case FrameType.goodbye:
        this.#goodbye = String(unpackMessage<GoodbyeMessage>(body).reason);
        return;
      case FrameType.blobGet:
        this.#giveBlob(unpackMessage<{ id: string }>(body).id);
        return;
      case FrameType.blobPut:
        void this.#receiveBlob(unpackMessage<BlobPiece>(body));
        return;
    }
  }

  closed(error: Error | undefined): void {
    void this.#receiver.close();
    const drained = this.#goodbye !== undefined;
    this.#end = { drained, reason: this.#goodbye ?? error?.message ?? "the connection closed" };
    this.#sink.closing(this);
    this.hearOut();
    this.#tellClosed();
  }

  #tellClosed(): void {
    if (this.#end === undefined || this.#openLanes > 0) return;
    this.#sink.closed(this, this.#end);
  }

  #heardLaneReports(body: Buffer): void {
    const { lane, reports } = readLaneReports(body);
    this.#sink.reports(this, lane, reports);
  }

  #heardLaneEnded(message: LaneEndedMessage): void {
    const lane = this.#lanes.get(message.lane);
    if (lane === undefined) {
      this.#neverOpened.add(message.lane);
      if (this.#neverOpened.size > MAX_NEVER_OPENED * this.#hello.threads) {
        const [oldest] = this.#neverOpened;
        this.#neverOpened.delete(oldest!);
      }
      return;
    }
    lane.ended = message;
    this.#tellLaneEnded(message.lane, lane);
  }

  /** What a thread told before its end is heard before its end is. */
  #tellLaneEnded(number: number, { isClosed, ended }: OpenLane): void {
    if (!isClosed || ended === undefined) return;
    this.#lanes.delete(number);
    this.#sink.laneEnded(this, ended);
  }

  #giveBlob(id: string): void {
    const path = this.#blobPath(checkBlobId(id));
    if (this.#storeBlob === undefined) {
      this.#sender.send({ id, path });
      return;
    }
    this.#storeBlob(id).then(
      () => this.#send(FrameType.blobStored, { id }),
      ({ message }: Error) => {
        const failed: BlobPiece = { id, offset: 0, total: 0, data: NOTHING, error: message };
        this.#send(FrameType.blobData, failed);
      },
    );
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

  #send(type: number, message: unknown): void {
    this.#channel.send(type, packMessage(message));
  }
}
