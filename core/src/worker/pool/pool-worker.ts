import { hostname } from "node:os";
import type { JsMsg } from "@nats-io/jetstream";
import type { NatsConnection, Subscription } from "@nats-io/transport-node";
import { type Clock, systemClock, type Timer } from "../../base/clock.ts";
import type { Resources } from "../../base/resources.ts";
import { delay } from "../../base/wait.ts";
import type { WorkerDeath } from "../../contracts/worker-link.ts";
import { type Bucket, removeKey } from "../../wire/nats/pool/bucket.ts";
import {
  type LaneNews,
  type LaneRequest,
  type PoolWorker as PoolWorkerState,
  packJson,
  readJson,
} from "../../wire/nats/pool/pool-messages.ts";
import { newsSubject, runPoolSubject } from "../../wire/nats/pool/pool-names.ts";
import type { PoolQueue } from "../../wire/nats/pool/pool-queue.ts";
import { classResources } from "../../wire/nats/pool/resource-class.ts";
import { PROTOCOL_VERSION } from "../../wire/protocol.ts";
import { LanePool, type PoolLane } from "./lane-pool.ts";
import { type Lease, PoolSlots, type Slot } from "./pool-slots.ts";
import type { PoolWorkerOptions } from "./pool-worker-options.ts";

/** A request is waited for so long at a time, in milliseconds: an answer to a question that is out of date is given back. */
const PULL_MS = 5000;
const RETRY_MS = 500;
/** Classes of which nobody told are looked for so often, in milliseconds. */
const LOOK_MS = 10_000;
/** So many processes wait for the next run, though no lane is idle. */
const SPARES = 2;
/** What changed is told together after so many milliseconds. */
const TELL_MS = 100;

export interface PoolWorkerDeps {
  readonly id: string;
  readonly connection: NatsConnection;
  readonly queue: PoolQueue;
  /** Where it says that it is there. */
  readonly pools: Bucket;
  readonly complain: (text: string) => void;
  readonly clock?: Clock;
}

/**
 * A worker of a pool that several runs share. Whenever it has a lane to give, it takes the next request from the pool's
 * queue: so runs take turns, and nobody has to know of all of them.
 */
export class PoolWorker {
  readonly #options: PoolWorkerOptions;
  readonly #deps: PoolWorkerDeps;
  readonly #clock: Clock;
  readonly #slots: PoolSlots;
  readonly #lanes: LanePool;
  readonly #pulling = new Set<string>();
  /** Slots that are to rest once the lane is ready that is to have them. */
  readonly #toRest = new Map<PoolLane, Slot>();
  /** Lanes that are ready, by what they hold of a slot, or are to hold. */
  readonly #leased = new Map<Lease, PoolLane>();
  readonly #leaving = new AbortController();
  readonly #news: Subscription;
  #changed = Promise.withResolvers<void>();
  #told: Timer | undefined;
  #beat: Timer | undefined;

  constructor(options: PoolWorkerOptions, deps: PoolWorkerDeps) {
    const { clock = systemClock, connection, id, complain } = deps;
    const { lanes, resources, target, memoryLimit, pool } = options;
    this.#options = options;
    this.#deps = deps;
    this.#clock = clock;
    this.#slots = new PoolSlots({ slots: lanes, resources });
    this.#lanes = new LanePool({
      target,
      id,
      memoryLimit,
      clock,
      listener: {
        ready: (lane) => this.#ready(lane),
        rested: (lane) => this.#rested(lane),
        ended: (lane, death) => this.#ended(lane, death),
        printed: ({ runId, workerId }, line) =>
          this.#tellRun(runId, { type: "printed", workerId, lines: [line] }),
        complain,
      },
    });
    this.#news = connection.subscribe(newsSubject(pool), { callback: () => void this.#lookForClasses() });
    this.#lanes.keepSpares(lanes);
    this.#tellSoon();
    this.#scheduleBeat();
    void this.#look();
  }

  /** Finishes what runs, takes nothing more, and is gone. */
  async leave(): Promise<void> {
    this.#leaving.abort();
    this.#notify();
    this.#news.unsubscribe();
    this.#tellSoon();
    await this.#lanes.drain();
    this.#told?.cancel();
    this.#beat?.cancel();
    await removeKey(this.#deps.pools, this.#key).catch(() => undefined);
  }

  /** Ends all that it started, at once. */
  kill(): void {
    this.#lanes.kill();
  }

  get #key(): string {
    return `${this.#options.pool}.${this.#deps.id}`;
  }

  async #look(): Promise<void> {
    while (!this.#leaving.signal.aborted) {
      await this.#lookForClasses();
      await delay(LOOK_MS, { signal: this.#leaving.signal, clock: this.#clock }).catch(() => undefined);
    }
  }

  async #lookForClasses(): Promise<void> {
    const tokens = await this.#deps.queue.classes().catch(() => []);
    for (const token of tokens) {
      const needs = classResources(token);
      if (needs === undefined || this.#pulling.has(token) || !this.#slots.couldHave(needs)) continue;
      this.#pulling.add(token);
      void this.#pull(token, needs);
    }
  }

  /** Takes requests for lanes of a class, one after another, whenever there is room for one. */
  async #pull(token: string, needs: Resources): Promise<void> {
    const { signal } = this.#leaving;
    while (!signal.aborted) {
      await this.#roomFor(needs);
      if (signal.aborted) return;
      try {
        const consumer = await this.#deps.queue.consumer(token);
        while (!signal.aborted && this.#hasRoom(needs)) {
          const message = await consumer.next({ expires: PULL_MS });
          if (message !== null) this.#take(message, token, needs);
        }
      } catch {
        // The server is away, or somebody has removed the queue: both may pass.
        await delay(RETRY_MS, { signal, clock: this.#clock }).catch(() => undefined);
      }
    }
  }

  #hasRoom(needs: Resources): boolean {
    return (this.#slots.roomAt(needs) ?? Number.POSITIVE_INFINITY) <= this.#clock.now();
  }

  async #roomFor(needs: Resources): Promise<void> {
    while (!this.#leaving.signal.aborted && !this.#hasRoom(needs)) {
      const at = this.#slots.roomAt(needs);
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = at === undefined ? undefined : this.#clock.after(at - this.#clock.now(), resolve);
      await Promise.race([promise, this.#changed.promise]);
      timer?.cancel();
    }
  }

  #take(message: JsMsg, token: string, needs: Resources): void {
    const request = readJson<LaneRequest>(message.data);
    if (request === undefined || typeof request.runId !== "string" || typeof request.token !== "string") {
      message.term("This is no request for a lane.");
      return;
    }
    const { runId } = request;
    const taken = this.#leaving.signal.aborted
      ? undefined
      : this.#slots.take({ runId, token, needs }, this.#clock.now());
    if (taken === undefined) {
      message.nak();
      return;
    }
    message.ack();
    if (taken.how === "renewed") {
      this.#tellRun(runId, { type: "renewed", token });
      return;
    }
    const lane = this.#lanes.lease(request, taken.lease);
    this.#tellRun(runId, { type: "granted", token, workerId: lane.workerId });
    if (taken.rests !== undefined) this.#toRest.set(lane, taken.rests);
    if (lane.isReady) this.#ready(lane);
    this.#notify();
  }

  /** It can wake as soon as there is a slot for it. */
  #ready(lane: PoolLane): void {
    const slot = this.#toRest.get(lane);
    this.#toRest.delete(lane);
    const other = slot?.isResting ? this.#laneAt(slot) : undefined;
    if (other !== undefined) this.#lanes.rest(other);
    this.#leased.set(lane.lease!, lane);
    this.#assign();
  }

  #assign(): void {
    for (const { lease } of this.#slots.assign((one) => this.#leased.has(one))) {
      lease.since = this.#clock.now();
      lease.beganAt = this.#clock.wallTime();
      this.#lanes.wake(this.#leased.get(lease)!);
    }
    this.#lanes.keepSpares(this.#spares());
    this.#notify();
  }

  #spares(): number {
    const { slots } = this.#slots;
    const idle = slots.filter(({ lease }) => lease === undefined).length;
    return Math.max(idle, Math.min(SPARES, slots.length));
  }

  #rested(lane: PoolLane): void {
    this.#release(lane);
    this.#lanes.keep(lane);
    this.#assign();
  }

  #ended(lane: PoolLane, death: WorkerDeath): void {
    this.#tellRun(lane.runId, { type: "died", workerId: lane.workerId, death });
    const slot = this.#toRest.get(lane);
    // It does not take that place any more, and nobody was told to leave it.
    if (slot !== undefined) slot.isResting = false;
    this.#toRest.delete(lane);
    this.#release(lane);
    this.#assign();
  }

  #release(lane: PoolLane): void {
    const { lease } = lane;
    if (lease === undefined) return;
    this.#leased.delete(lease);
    this.#slots.release(lease);
    lane.lease = undefined;
  }

  #laneAt({ lease }: Slot): PoolLane | undefined {
    return lease && this.#leased.get(lease);
  }

  #tellRun(runId: string, news: LaneNews): void {
    const { connection } = this.#deps;
    if (!connection.isClosed()) connection.publish(runPoolSubject(runId), packJson(news));
  }

  /** Something is otherwise than it was: who waits for room looks again, and others are told. */
  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
    this.#tellSoon();
  }

  #tellSoon(): void {
    this.#told ??= this.#clock.after(TELL_MS, () => {
      this.#told = undefined;
      this.#tell();
    });
  }

  #tell(): void {
    this.#deps.pools.kv.put(this.#key, packJson(this.#state())).catch(() => undefined);
  }

  #scheduleBeat(): void {
    this.#beat = this.#clock.after(this.#deps.pools.ttlMs / 3, () => {
      this.#tell();
      this.#scheduleBeat();
    });
  }

  #state(): PoolWorkerState {
    const { pool, resources } = this.#options;
    const lanes = this.#slots.slots.map((slot) => {
      const lane = this.#laneAt(slot);
      if (lane === undefined) return {};
      const { runId, flowName, token } = lane;
      return { runId, flowName, token, since: slot.lease!.beganAt! };
    });
    return {
      id: this.#deps.id,
      pool,
      host: hostname(),
      pid: process.pid,
      node: process.version,
      protocol: PROTOCOL_VERSION,
      resources,
      lanes,
      isLeaving: this.#leaving.signal.aborted,
    };
  }
}
