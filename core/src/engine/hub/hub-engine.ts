import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock, Timer } from "../../base/clock.ts";
import { MusterError } from "../../base/errors.ts";
import { withDeadline } from "../../base/wait.ts";
import type { EngineEndpoint, WorkerId } from "../../cluster/provider.ts";
import type { WorkerDeath, WorkerLink, WorkerLinkEvent } from "../../cluster/worker-link.ts";
import { type HelloMessage, preamble, type RunMessage, TOKEN_BYTES } from "../../wire/protocol.ts";
import { BlobStore } from "../blob-store.ts";
import { Dispatcher } from "../dispatcher.ts";
import type { Engine, EngineListener, EngineTask, FutureLookup, Packed, TaskFunction } from "../engine.ts";
import { suffices } from "../resource-queues.ts";
import { WireValues } from "../wire-values.ts";
import { authenticate } from "./handshake.ts";
import { Pulse } from "./pulse.ts";
import { type ConnectionSink, WorkerConnection } from "./worker-connection.ts";

export interface HubOptions {
  readonly clock: Clock;
  readonly run: RunMessage;
  /** What the best worker that may come has; undefined when anything may. */
  readonly possibleResources?: Readonly<Record<string, number>> | undefined;
  /** Milliseconds between two signs of life, both ways. @default 1000 */
  readonly heartbeatMs?: number;
  /** A worker that gives no sign of life for so long is lost, in milliseconds. @default 30000 */
  readonly workerTimeoutMs?: number;
}

const HOST = "127.0.0.1";
/** How long the provider has to say why a worker whose connection closed has died, in milliseconds. */
const DEATH_REASON_MS = 1000;
/** Workers have so long to close their connections, in milliseconds. */
const CLOSE_MS = 1000;

/**
 * The engine that is embedded in the driver: a server that workers dial out to. It listens on the loopback interface
 * alone, and hears nobody who does not show the token of the run first.
 */
export class HubEngine implements Engine, WorkerLink {
  readonly needsCode = true;
  readonly #options: HubOptions;
  readonly #token = randomBytes(TOKEN_BYTES).toString("hex");
  readonly #blobs: BlobStore;
  readonly #values: WireValues;
  readonly #server: Server;
  readonly #connections = new Set<WorkerConnection>();
  readonly #byWorker = new Map<WorkerId, WorkerConnection>();
  readonly #listeners = new Set<(event: WorkerLinkEvent) => void>();
  /** Workers whose connection is gone and whose tasks wait for the reason of their end. */
  readonly #dying = new Map<WorkerId, Timer>();
  /** Beats that a worker let pass. Counted, not timed: a driver that was busy must not blame its workers. */
  readonly #missedBeats = new Map<WorkerConnection, number>();
  readonly #sink: ConnectionSink;
  #dispatcher!: Dispatcher;
  #pulse: Pulse | undefined;
  #beat: Timer | undefined;
  #endpoint: EngineEndpoint | undefined;
  #listener!: EngineListener;
  #closing: Promise<void> | undefined;

  constructor(options: HubOptions) {
    this.#options = options;
    this.#blobs = new BlobStore(randomBytes(16).toString("hex"), (ids) => {
      for (const connection of this.#byWorker.values()) connection.forgetBlobs(ids);
    });
    this.#values = new WireValues(this.#blobs);
    this.#server = createServer((socket) => void this.#admit(socket));
    this.#sink = {
      hello: (connection, message) => this.#joined(connection, message),
      reports: (connection, body) => this.#dispatcher.reported(connection.workerId, body),
      started: (connection, ids) => this.#dispatcher.started(connection.workerId, ids),
      returned: (connection, ids) => this.#dispatcher.returned(connection.workerId, ids),
      draining: (connection) => this.#dispatcher.drainWorker(connection.workerId),
      log: (events) => {
        for (const event of events) this.#listener.log(event);
      },
      closed: (connection, end) => this.#left(connection, end),
    };
  }

  get endpoint(): EngineEndpoint {
    if (this.#endpoint === undefined) throw new MusterError("INTERNAL", "The hub has not been started.");
    return this.#endpoint;
  }

  async start(listener: EngineListener): Promise<void> {
    this.#listener = listener;
    this.#dispatcher = new Dispatcher({
      values: this.#values,
      clock: this.#options.clock,
      listener,
      onLoad: (id, running) => this.#tell({ type: "busy", id, running }),
    });
    const listening = new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, HOST, resolve);
    });
    [this.#pulse] = await Promise.all([Pulse.start(HOST, preamble(this.#token)), listening]);
    const { port } = this.#server.address() as AddressInfo;
    this.#endpoint = { address: `tcp://${HOST}:${port}?pulse=${this.#pulse.port}`, token: this.#token };
    this.#scheduleBeat();
  }

  /** Takes a stream whose other end is a worker that needs no introduction: a pipe to a child. */
  accept(stream: Duplex): void {
    const connection = new WorkerConnection({
      stream,
      sink: this.#sink,
      blobPath: (id) => this.#blobs.path(id),
    });
    this.#connections.add(connection);
  }

  pack<Dependency>(
    args: readonly unknown[],
    taskName: string,
    lookup: FutureLookup<Dependency>,
  ): Packed<Dependency> {
    return this.#values.pack(args, taskName, lookup);
  }

  share(value: unknown, taskName: string, lookup: FutureLookup<unknown>): unknown {
    return this.#values.share(value, taskName, lookup);
  }

  unpack(value: unknown): unknown | Promise<unknown> {
    return this.#values.unpack(value);
  }

  gather(values: readonly unknown[]): unknown {
    return this.#values.gather(values);
  }

  submit(tasks: readonly EngineTask[]): void {
    this.#dispatcher.submit(tasks);
  }

  cancel(task: EngineTask, graceMs: number): boolean {
    return this.#dispatcher.cancel(task, graceMs);
  }

  whyImpossible(fn: TaskFunction): string | undefined {
    return missingResources(fn, this.#options.possibleResources);
  }

  subscribe(listener: (event: WorkerLinkEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  drain(id: WorkerId): void {
    this.#dispatcher.drainWorker(id);
    this.#byWorker.get(id)?.drain();
  }

  reportDeath(id: WorkerId, death: WorkerDeath): void {
    this.#dying.get(id)?.cancel();
    this.#dying.delete(id);
    this.#dispatcher.removeWorker(id, death);
    this.#byWorker.get(id)?.destroy();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#beat?.cancel();
    for (const timer of this.#dying.values()) timer.cancel();
    this.#dispatcher?.close();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.shutdown();
    try {
      await withDeadline(closed, "The hub's end", { timeoutMs: CLOSE_MS });
    } catch {
      for (const connection of this.#connections) connection.destroy();
    }
    await this.#pulse?.close();
    this.#blobs.close();
  }

  async #admit(socket: Socket): Promise<void> {
    socket.setNoDelay(true);
    if (await authenticate(socket, preamble(this.#token))) this.accept(socket);
  }

  #joined(connection: WorkerConnection, message: HelloMessage): void {
    const { workerId: id } = message;
    this.#byWorker.set(id, connection);
    this.#missedBeats.set(connection, 0);
    connection.welcome({
      run: this.#options.run,
      heartbeatMs: this.#heartbeatMs,
      blobs: { directory: this.#blobs.directory, proof: this.#blobs.proof },
    });
    const { threads, tasksPerThread, resources, pid, host } = message;
    this.#tell({ type: "joined", id, slots: threads * tasksPerThread, pid, host });
    this.#dispatcher.addWorker({ id, lanes: threads, tasksPerLane: tasksPerThread, resources }, connection);
  }

  #left(connection: WorkerConnection, end: { drained: boolean; reason: string }): void {
    this.#connections.delete(connection);
    this.#missedBeats.delete(connection);
    const id = connection.workerId;
    if (id === "" || this.#byWorker.get(id) !== connection) return;
    this.#byWorker.delete(id);
    this.#dispatcher.drainWorker(id);
    this.#tell({ type: "left", id, ...end });
    if (this.#dispatcher.load(id) === 0) {
      this.#dispatcher.removeWorker(id, { reason: end.reason, lastLines: [] });
      return;
    }
    // The provider may soon know more: an exit code, a signal, the last lines.
    const timer = this.#options.clock.after(DEATH_REASON_MS, () => {
      this.#dying.delete(id);
      this.#dispatcher.removeWorker(id, { reason: end.reason, lastLines: [] });
    });
    this.#dying.set(id, timer);
  }

  get #heartbeatMs(): number {
    return this.#options.heartbeatMs ?? 1000;
  }

  #scheduleBeat(): void {
    this.#beat = this.#options.clock.after(
      this.#heartbeatMs,
      () => {
        const allowed = (this.#options.workerTimeoutMs ?? 30_000) / this.#heartbeatMs;
        for (const [connection, missed] of this.#missedBeats) {
          connection.ping();
          this.#missedBeats.set(connection, connection.takeHeard() ? 0 : missed + 1);
          if (missed > allowed) connection.destroy();
        }
        this.#scheduleBeat();
      },
      { keepAlive: false },
    );
  }

  #tell(event: WorkerLinkEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** A sentence about what no worker has, or undefined. */
export function missingResources(
  fn: TaskFunction,
  possible: Readonly<Record<string, number>> | undefined,
): string | undefined {
  if (fn.resources === undefined || possible === undefined || suffices(possible, fn.resources))
    return undefined;
  const has = Object.entries(possible).map(([name, amount]) => `${name}: ${amount}`);
  const needs = Object.entries(fn.resources).map(([name, amount]) => `${name}: ${amount}`);
  return `it needs ${needs.join(", ")}, and a worker of this cluster has ${has.length === 0 ? "no resources" : has.join(", ")}. Give the cluster \`resources\`.`;
}
