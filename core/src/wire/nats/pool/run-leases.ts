import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { type Clock, systemClock, type Timer } from "../../../base/clock.ts";
import { type Bucket, openBucket, readAll, removeKey } from "./bucket.ts";
import { packJson, readJson } from "./pool-messages.ts";
import { RUNS_BUCKET } from "./pool-names.ts";

/** A run whose driver does not renew its lease for so long is over, in milliseconds. */
const LEASE_MS = 60_000;
/** What the streams of runs' large values begin with. */
const BLOBS = "OBJ_muster-";

/** What a run says of itself. */
export interface RunLease {
  readonly flowName: string;
  /** The pool whose lanes it uses, if it does. */
  readonly pool?: string | undefined;
  readonly host: string;
  readonly pid: number;
  /** In milliseconds since 1970. */
  readonly since: number;
}

export function openRuns(connection: NatsConnection): Promise<Bucket> {
  return openBucket(connection, RUNS_BUCKET, LEASE_MS);
}

export function readRuns(runs: Bucket): Promise<Map<string, RunLease>> {
  return readAll(runs, ">", (data) => readJson<RunLease>(data));
}

/** Says of a run that its driver lives, until it is closed: what lies in the server of a run that says so no more is removed. */
export class HeldRunLease {
  readonly #runs: Bucket;
  readonly #runId: string;
  readonly #clock: Clock;
  readonly #value: string;
  #timer: Timer | undefined;

  private constructor(runs: Bucket, runId: string, { lease, clock }: { lease: RunLease; clock: Clock }) {
    this.#runs = runs;
    this.#runId = runId;
    this.#clock = clock;
    this.#value = packJson(lease);
    this.#schedule();
  }

  static async hold(
    connection: NatsConnection,
    runId: string,
    { lease, clock = systemClock }: { readonly lease: RunLease; readonly clock?: Clock },
  ): Promise<HeldRunLease> {
    const runs = await openRuns(connection);
    const held = new HeldRunLease(runs, runId, { lease, clock });
    await runs.kv.put(runId, held.#value);
    return held;
  }

  /** Renews it no more. */
  stop(): void {
    this.#timer?.cancel();
  }

  /** Nothing of the run is in the server any more. */
  async release(): Promise<void> {
    this.stop();
    await removeKey(this.#runs, this.#runId);
  }

  #schedule(): void {
    const renew = (): void => {
      // A server that is away is tried again, soon enough.
      this.#runs.kv.put(this.#runId, this.#value).catch(() => undefined);
      this.#schedule();
    };
    this.#timer = this.#clock.after(this.#runs.ttlMs / 4, renew, { keepAlive: false });
  }
}

/**
 * Removes what runs left in the server whose drivers are dead. It trusts no clock but its own, and a server may have been
 * away, and leases with it: what seems to be left must have seemed so for as long as a lease holds.
 */
export class RunSweeper {
  readonly #connection: NatsConnection;
  readonly #runs: Bucket;
  readonly #clock: Clock;
  /** Streams of runs without a lease, and when they were first seen so. */
  readonly #suspects = new Map<string, number>();
  #manager: Promise<JetStreamManager> | undefined;
  #timer: Timer | undefined;

  constructor(connection: NatsConnection, runs: Bucket, clock: Clock = systemClock) {
    this.#connection = connection;
    this.#runs = runs;
    this.#clock = clock;
  }

  /** Looks some times while a lease holds, until it is closed. */
  start(): this {
    const look = (): void => {
      this.sweep()
        .catch(() => undefined)
        .finally(() => {
          if (this.#timer !== undefined) this.#timer = this.#clock.after(everyMs, look, { keepAlive: false });
        });
    };
    const everyMs = this.#runs.ttlMs / 3;
    this.#timer = this.#clock.after(everyMs, look, { keepAlive: false });
    return this;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async sweep(): Promise<void> {
    this.#manager ??= jetstreamManager(this.#connection, { checkAPI: false });
    const manager = await this.#manager;
    const streams: string[] = [];
    for await (const name of await manager.streams.names("$O.*.C.>")) {
      if (name.startsWith(BLOBS)) streams.push(name);
    }
    const alive = await readRuns(this.#runs);
    const now = this.#clock.now();
    for (const name of this.#suspects.keys()) if (!streams.includes(name)) this.#suspects.delete(name);
    for (const name of streams) {
      if (alive.has(name.slice(BLOBS.length))) {
        this.#suspects.delete(name);
        continue;
      }
      const since = this.#suspects.get(name) ?? now;
      this.#suspects.set(name, since);
      if (now - since >= this.#runs.ttlMs) await manager.streams.delete(name).catch(() => undefined);
    }
  }
}
