import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import type { NatsConnection } from "@nats-io/transport-node";
import { MusterError } from "../../base/errors.ts";
import { withDeadline } from "../../base/wait.ts";
import type { EngineListener } from "../../contracts/engine.ts";
import type { EngineEndpoint } from "../../contracts/provider.ts";
import type { WorkerLink } from "../../contracts/worker-link.ts";
import { BlobBucket } from "../../wire/nats/blob-bucket.ts";
import { connectNats } from "../../wire/nats/connect-nats.ts";
import { explainNats } from "../../wire/nats/explain-nats.ts";
import { type NatsTarget, natsEnv, resolveNatsOptions } from "../../wire/nats/nats-options.ts";
import type { NatsStream } from "../../wire/nats/nats-stream.ts";
import { NatsListener } from "../../wire/nats/nats-streams.ts";
import { shownName } from "../../wire/nats/pool/pool-names.ts";
import { HeldRunLease } from "../../wire/nats/pool/run-leases.ts";
import { runSubject } from "../../wire/nats/subjects.ts";
import { preamble, TOKEN_BYTES, type WelcomeMessage } from "../../wire/protocol.ts";
import { authenticate } from "../hub/handshake.ts";
import { WorkerHub, type WorkerHubOptions } from "../hub/worker-hub.ts";
import { NatsPulseThread } from "./nats-pulse-thread.ts";

export interface NatsEngineOptions extends WorkerHubOptions {
  readonly target: NatsTarget;
  /** The server goes with the run, perhaps before this has ended: nothing is removed from it. @default false */
  readonly isOwnServer?: boolean | undefined;
  /** Nobody waits for its start any more. */
  readonly signal?: AbortSignal | undefined;
}

/** Workers that have been heard out have so long to close their streams, in milliseconds. */
const CLOSE_MS = 12_000;
/** Large values that are on their way have so long to arrive, in milliseconds. */
const FETCH_MS = 10_000;
/** What is left in the server has so long to be removed, in milliseconds. */
const REMOVE_MS = 10_000;

/**
 * The engine for whatever outgrows one machine: driver and workers meet at a server of NATS, which both dial out to. It
 * hears nobody who does not show the token of the run first. The frames are the hub's, over streams that survive a
 * server's restart and a network's cut; large values lie in an object store, so that no worker has to ask the driver for
 * what another worker made.
 */
export class NatsEngine extends WorkerHub implements WorkerLink {
  protected readonly isOnThisMachine = false;
  readonly #options: NatsEngineOptions;
  readonly #token = randomBytes(TOKEN_BYTES).toString("hex");
  readonly #preamble = preamble(this.#token);
  readonly #strangers = new Set<NatsStream>();
  readonly #ending = new AbortController();
  /** What the driver made and a worker asked for, on its way to the store or there. */
  readonly #stored = new Map<string, Promise<void>>();
  #connection: NatsConnection | undefined;
  #streams: NatsListener | undefined;
  #bucket: BlobBucket | undefined;
  #pulse: NatsPulseThread | undefined;
  #lease: HeldRunLease | undefined;

  constructor(options: NatsEngineOptions) {
    super(options);
    this.#options = options;
  }

  get endpoint(): EngineEndpoint {
    const { target } = this.#options;
    return { address: target.address, token: this.#token, nats: natsEnv(target) };
  }

  protected override async open(listener: EngineListener): Promise<void> {
    const { run, target, signal } = this.#options;
    const { flowRunId } = run;
    const connection = await connectNats(target, { name: `muster driver of ${flowRunId}`, signal });
    this.#connection = connection;
    void connection.closed().then((error) => {
      if (!this.#ending.signal.aborted)
        listener.failed(error ?? new MusterError("INTERNAL", "The connection to NATS was closed."));
    });
    const lease = {
      flowName: shownName(run.flowName),
      pool: this.pool,
      host: hostname(),
      pid: process.pid,
      since: this.clock.wallTime(),
    };
    this.#bucket = new BlobBucket(connection, flowRunId, this.#ending.signal);
    const holding = this.#explained(
      "keep the lease of a run",
      HeldRunLease.hold(connection, flowRunId, { lease, clock: this.clock }),
    );
    const [held, created] = await Promise.allSettled([holding, this.#bucket.create()]);
    // For the end, whatever became of the other.
    if (held.status === "fulfilled") this.#lease = held.value;
    for (const step of [held, created]) if (step.status === "rejected") throw step.reason;
    await super.open(listener);
    this.#streams = new NatsListener(
      { connection, subject: runSubject(flowRunId), clock: this.clock },
      (stream) => void this.#admit(stream),
    );
    this.#pulse = new NatsPulseThread({ address: target.address, env: natsEnv(target), runId: flowRunId });
    await this.#explained("make what a run at a pool needs", this.connected(connection));
  }

  /** The server is there, and workers may come. */
  protected async connected(_connection: NatsConnection): Promise<void> {}
  /** The last that is done there, before what is the run's is removed. */
  protected async leaving(): Promise<void> {}
  /** Whose lanes it uses. */
  protected get pool(): string | undefined {
    return undefined;
  }

  protected override async end(): Promise<void> {
    await super.end();
    for (const stranger of this.#strangers) stranger.destroy();
    await withDeadline(this.allClosed(), "The workers' end", { timeoutMs: CLOSE_MS }).catch(() =>
      this.cutConnections(),
    );
    // What somebody waits for is still had.
    await withDeadline(this.blobs.idle(), "The last values", { timeoutMs: FETCH_MS }).catch(() => undefined);
    this.#ending.abort();
    await this.#pulse?.close();
    this.#lease?.stop();
    if (this.#options.isOwnServer !== true)
      await withDeadline(this.#leaveServer(), "Removing what is left", { timeoutMs: REMOVE_MS }).catch(
        () => undefined,
      );
    this.#streams?.close();
    await this.#connection?.close();
  }

  /** What the server does; or what it says, and what to do. */
  async #explained<T>(what: string, doing: Promise<T>): Promise<T> {
    try {
      return await doing;
    } catch (error) {
      throw error instanceof MusterError ? error : explainNats(error, what, this.#options.target.address);
    }
  }

  async #leaveServer(): Promise<void> {
    await this.leaving().catch(() => undefined);
    // That it was never made is no reason to leave the lease.
    await this.#bucket?.destroy().catch(() => undefined);
    await this.#lease?.release().catch(() => undefined);
    await this.#connection?.flush();
  }

  protected override get hearsNobody(): boolean {
    return this.#streams?.isConnected === false;
  }

  protected override get blobOffer(): WelcomeMessage["blobs"] {
    return { directory: "", proof: "", tag: this.blobs.tag };
  }

  protected override blobsFreed(ids: readonly string[]): void {
    super.blobsFreed(ids);
    for (const id of ids) this.#stored.delete(id);
    void this.#bucket?.remove(ids).catch(() => undefined);
  }

  protected override fetchBlob(id: string): Promise<Buffer> | undefined {
    return existsSync(this.blobs.path(id)) ? undefined : this.#fetch(id);
  }

  async #fetch(id: string): Promise<Buffer> {
    try {
      return await this.#bucket!.get(id);
    } catch (cause) {
      if (!this.#ending.signal.aborted) throw cause;
      throw new MusterError("CLOSED", "The engine that kept it is closed.", { cause });
    }
  }

  protected override readonly storeBlob = (id: string): Promise<void> => {
    const stored = this.#stored.get(id) ?? this.#bucket!.put(id, this.blobs.path(id));
    this.#stored.set(id, stored);
    return stored;
  };

  async #admit(stream: NatsStream): Promise<void> {
    stream.on("error", () => {});
    this.#strangers.add(stream);
    const isFriend = await authenticate(stream, this.#preamble);
    this.#strangers.delete(stream);
    if (isFriend) this.accept(stream);
  }
}

/**
 * The engine at a server that was made for the run.
 * @throws InvalidOptionError
 */
export function natsEngineAt(
  { address, nats, isOwnServer }: EngineEndpoint,
  options: Omit<NatsEngineOptions, "target">,
): NatsEngine {
  const from = {
    env: nats ?? process.env,
    where: "the provider's engine",
    addressFrom: "the address of the provider's engine",
  };
  return new NatsEngine({ ...options, isOwnServer, target: resolveNatsOptions({ servers: address }, from) });
}
