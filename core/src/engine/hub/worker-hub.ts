import type { Duplex } from "node:stream";
import type { Timer } from "../../base/clock.ts";
import { MusterError } from "../../base/errors.ts";
import type { EngineListener } from "../../contracts/engine.ts";
import type { WorkerId } from "../../contracts/provider.ts";
import type { WorkerDeath, WorkerLinkEvent } from "../../contracts/worker-link.ts";
import type { Channel } from "../../wire/channel.ts";
import type { HelloMessage, LaneMessage, RunMessage, WelcomeMessage } from "../../wire/protocol.ts";
import { WireEngine, type WireEngineOptions } from "../wire-engine.ts";
import { greet, type Receptionist } from "./greet.ts";
import { type ConnectionSink, WorkerConnection } from "./worker-connection.ts";

export interface WorkerHubOptions extends WireEngineOptions {
  readonly run: RunMessage;
  /** Milliseconds between two signs of life, both ways. @default 1000 */
  readonly heartbeatMs?: number | undefined;
  /** A worker that gives no sign of life for so long is lost, in milliseconds. @default 30000 */
  readonly workerTimeoutMs?: number | undefined;
}

/** How long the provider has to say why a worker whose connection closed has died, in milliseconds. */
const DEATH_REASON_MS = 1000;

/** An engine whose workers are processes at the other end of a stream, however the stream came to be. */
export abstract class WorkerHub extends WireEngine {
  readonly #run: RunMessage;
  readonly #heartbeatMs: number;
  readonly #workerTimeoutMs: number;
  readonly #channels = new Set<Channel>();
  readonly #byWorker = new Map<WorkerId, WorkerConnection>();
  readonly #subscribers = new Set<(event: WorkerLinkEvent) => void>();
  /** Workers whose connection is gone and whose tasks wait for the reason of their end. */
  readonly #dying = new Map<WorkerId, Timer>();
  /** Why workers died whose last words are still being heard. */
  readonly #deaths = new Map<WorkerId, WorkerDeath>();
  /** Beats that a worker let pass. Counted, not timed: a driver that was busy must not blame its workers. */
  readonly #missedBeats = new Map<WorkerConnection, number>();
  readonly #sink: ConnectionSink;
  readonly #receptionist: Receptionist = {
    worker: (channel, hello) => this.#joined(channel, hello),
    lane: (channel, message) => this.#laneOf(message).openLane(message.lane, channel),
  };
  #listener: EngineListener | undefined;
  #allClosed: PromiseWithResolvers<void> | undefined;
  #beat: Timer | undefined;
  #isEnding = false;

  constructor(options: WorkerHubOptions) {
    super(options);
    this.#run = options.run;
    this.#heartbeatMs = options.heartbeatMs ?? 1000;
    this.#workerTimeoutMs = options.workerTimeoutMs ?? 30_000;
    this.#sink = {
      closing: ({ workerId }) => this.dispatcher.drainWorker(workerId),
      ready: ({ hello }) => this.#tellJoined(hello),
      laneOpened: ({ workerId }, lane) => this.dispatcher.addLane(workerId, lane),
      laneEnded: ({ workerId }, message) => this.dispatcher.laneEnded(workerId, message),
      reports: ({ workerId }, lane, body) => this.dispatcher.reported(workerId, lane, body),
      begins: ({ workerId }, lane, begun) => this.dispatcher.begins(workerId, lane, begun),
      started: ({ workerId }, ids) => this.dispatcher.started(workerId, ids),
      returned: ({ workerId }, message) => this.dispatcher.returned(workerId, message),
      draining: (connection) => this.drain(connection.workerId),
      resting: ({ workerId }) => this.rest(workerId),
      awake: ({ workerId }) => {
        this.dispatcher.wakeWorker(workerId);
        this.#tell({ type: "awake", id: workerId });
      },
      log: (events) => {
        for (const event of events) this.#listener?.log(event);
      },
      closed: (connection, end) => this.#left(connection, end),
    };
  }

  /** Says what happens to connected workers, until the returned function is called. */
  subscribe(subscriber: (event: WorkerLinkEvent) => void): () => void {
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  /** Asks a worker to take no new tasks, finish what runs, and leave. */
  drain(id: WorkerId): void {
    this.dispatcher.drainWorker(id);
    this.#byWorker.get(id)?.drain();
  }

  /** A worker gets no new tasks, and may work for others once what runs there has ended, until it wakes. */
  protected rest(id: WorkerId): void {
    this.dispatcher.restWorker(id);
    this.#tell({ type: "resting", id });
  }

  /** A worker is dead, and this is why. */
  reportDeath(id: WorkerId, death: WorkerDeath): void {
    const connection = this.#byWorker.get(id);
    if (connection === undefined) {
      this.#remove(id, death);
      return;
    }
    // What it said before its end may not have been heard yet.
    this.#deaths.set(id, death);
    this.dispatcher.drainWorker(id);
    connection.hearOut();
  }

  #remove(id: WorkerId, death: WorkerDeath): void {
    this.#dying.get(id)?.cancel();
    this.#dying.delete(id);
    this.#deaths.delete(id);
    this.dispatcher.removeWorker(id, death);
  }

  protected override async open(listener: EngineListener): Promise<void> {
    this.#listener = listener;
    this.#scheduleBeat();
  }

  protected override async end(): Promise<void> {
    this.#isEnding = true;
    this.#beat?.cancel();
    for (const timer of this.#dying.values()) timer.cancel();
    for (const connection of this.#missedBeats.keys()) connection.shutdown();
  }

  /** Takes a stream whose other end is known to be a worker of this run, or a thread of one. */
  protected accept(stream: Duplex): void {
    this.#channels.add(greet(stream, this.#receptionist, (channel) => this.#channelClosed(channel)));
  }

  /** Closes what has not closed by itself. */
  /** Resolves when all connections have closed. */
  protected allClosed(): Promise<void> {
    if (this.#channels.size === 0) return Promise.resolve();
    this.#allClosed ??= Promise.withResolvers<void>();
    return this.#allClosed.promise;
  }

  /** Whether nothing can come from anybody now: then nobody is to blame for silence. */
  protected get hearsNobody(): boolean {
    return false;
  }

  protected get blobOffer(): WelcomeMessage["blobs"] {
    const { directory, proof, tag } = this.blobs;
    return { directory, proof, tag };
  }

  /** Puts a blob of the driver's where workers find it; undefined where it is sent to whoever asks. */
  protected readonly storeBlob: ((id: string) => Promise<void>) | undefined;

  protected cutConnections(): void {
    for (const channel of this.#channels) channel.destroy();
  }

  protected override blobsFreed(ids: readonly string[]): void {
    for (const connection of this.#byWorker.values()) connection.forgetBlobs(ids);
  }

  protected override loadChanged(id: WorkerId, running: number): void {
    this.#tell({ type: "busy", id, running });
  }

  #channelClosed(channel: Channel): void {
    this.#channels.delete(channel);
    if (this.#channels.size === 0) this.#allClosed?.resolve();
  }

  #joined(channel: Channel, hello: HelloMessage): WorkerConnection {
    const { workerId: id, tasksPerThread, resources, isResting } = hello;
    if (this.#byWorker.has(id))
      throw new MusterError("PROTOCOL", `A second worker says that it is ${id}: there is one already.`);
    const blobPath = (blob: string): string => this.blobs.path(blob);
    const connection = new WorkerConnection({
      channel,
      hello,
      sink: this.#sink,
      blobPath,
      storeBlob: this.storeBlob,
    });
    this.#byWorker.set(id, connection);
    this.#missedBeats.set(connection, 0);
    connection.welcome({
      run: this.#run,
      heartbeatMs: this.#heartbeatMs,
      blobs: this.blobOffer,
    });
    const facts = { id, tasksPerLane: tasksPerThread, resources, isResting: isResting ?? false };
    this.dispatcher.addWorker(facts, connection);
    return connection;
  }

  /** Who hears it may want the worker to drain at once. */
  #tellJoined({ workerId: id, threads, tasksPerThread, resources, pid, host }: HelloMessage): void {
    this.#tell({ type: "joined", id, slots: threads * tasksPerThread, resources, pid, host });
  }

  /** Whoever showed the run's token may: all its workers run the same flow's code, and trust each other as much. */
  #laneOf({ workerId, lane }: LaneMessage): WorkerConnection {
    const connection = this.#byWorker.get(workerId);
    if (connection !== undefined) return connection;
    throw new MusterError("PROTOCOL", `There is no worker ${workerId} that could have a lane ${lane}.`);
  }

  #left(connection: WorkerConnection, end: { drained: boolean; reason: string }): void {
    this.#missedBeats.delete(connection);
    const id = connection.workerId;
    this.#byWorker.delete(id);
    this.#tell({ type: "left", id, ...end });
    const death = this.#deaths.get(id);
    const remove = (): void => this.#remove(id, death ?? { reason: end.reason, lastLines: [] });
    // The provider may soon know more: an exit code, a signal, the last lines. At the end of all, nobody asks for them.
    if (death !== undefined || this.#isEnding || this.dispatcher.load(id) === 0) remove();
    else this.#dying.set(id, this.clock.after(DEATH_REASON_MS, remove));
  }

  #scheduleBeat(): void {
    const look = (): void => {
      for (const [connection, missed] of this.#missedBeats) {
        const allowed = Math.min(this.#workerTimeoutMs, connection.patienceMs) / this.#heartbeatMs;
        connection.ping();
        // Of one that has to end a task news are due all the same: whoever cancels does not want to wait for a network.
        const isExcused = this.hearsNobody && connection.patienceMs === Number.POSITIVE_INFINITY;
        const isHeard = connection.takeHeard() || isExcused;
        this.#missedBeats.set(connection, isHeard ? 0 : missed + 1);
        if (missed > allowed) connection.hearOut();
      }
      this.#scheduleBeat();
    };
    this.#beat = this.clock.after(this.#heartbeatMs, look, { keepAlive: false });
  }

  #tell(event: WorkerLinkEvent): void {
    for (const subscriber of this.#subscribers) subscriber(event);
  }
}
