import {
  AckPolicy,
  type Consumer,
  DiscardPolicy,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { explainNats } from "../explain-nats.ts";
import { type LaneRequest, packJson } from "./pool-messages.ts";
import {
  demandConsumer,
  lanesConsumer,
  needSubject,
  newsSubject,
  poolStream,
  poolSubjects,
  readNeedSubject,
  wantSubject,
} from "./pool-names.ts";
import { ANY_CLASS } from "./resource-class.ts";

/** What nobody says again for so long is forgotten, in milliseconds. */
export const QUEUE_AGE_MS = 60_000;
/** A request that a worker took and did not answer goes to another one, after so many milliseconds. */
const ACK_WAIT_MS = 10_000;
const ASK_MS = 5000;

const NANOS = 1e6;

/** How many lanes of a class a run could use, counting those that it has. */
export interface Need {
  readonly runId: string;
  readonly token: string;
  readonly lanes: number;
}

/**
 * The queue of a pool in the server. A run has one request for a lane in it at most, of each class, and asks again when
 * that was granted: so runs take turns. Beside the requests lie the lanes that runs could use, a message each, which
 * nobody takes: they are there to be counted, by `muster pool status` and by what starts workers.
 */
export class PoolQueue {
  readonly pool: string;
  readonly #connection: NatsConnection;
  readonly #client: JetStreamClient;
  readonly #manager: JetStreamManager;
  readonly #classes = new Set<string>();

  private constructor(pool: string, connection: NatsConnection, manager: JetStreamManager) {
    this.pool = pool;
    this.#connection = connection;
    this.#client = jetstream(connection);
    this.#manager = manager;
  }

  /** @throws NatsError */
  static async open(connection: NatsConnection, pool: string): Promise<PoolQueue> {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const queue = new PoolQueue(pool, connection, manager);
    try {
      await queue.#ensureStream();
      await queue.ensureClass(ANY_CLASS);
    } catch (error) {
      throw explainNats(error, `make the stream ${poolStream(pool)}`);
    }
    return queue;
  }

  /** Makes it known to all that there are requests of this class, or may be. */
  async ensureClass(token: string): Promise<void> {
    if (this.#classes.has(token)) return;
    const { pool } = this;
    const stream = poolStream(pool);
    const usual = { ack_policy: AckPolicy.Explicit, ack_wait: ACK_WAIT_MS * NANOS };
    await this.#manager.consumers.add(stream, {
      ...usual,
      durable_name: lanesConsumer(token),
      filter_subject: wantSubject(pool, token, "*"),
    });
    await this.#manager.consumers.add(stream, {
      ...usual,
      durable_name: demandConsumer(token),
      filter_subject: needSubject(pool, token, "*", "*"),
    });
    this.#classes.add(token);
    this.#connection.publish(newsSubject(pool));
  }

  /** All classes of which there are requests, or may be. */
  async classes(): Promise<string[]> {
    const prefix = lanesConsumer("");
    const found: string[] = [];
    for await (const { name } of this.#manager.consumers.list(poolStream(this.pool))) {
      if (name.startsWith(prefix)) found.push(name.slice(prefix.length));
    }
    return found;
  }

  /** What takes requests of a class. */
  consumer(token: string): Promise<Consumer> {
    return this.#client.consumers.get(poolStream(this.pool), lanesConsumer(token));
  }

  /** Puts a request at the end of the queue. Resolves when the server has it. */
  async request(token: string, request: LaneRequest): Promise<void> {
    await this.#client.publish(wantSubject(this.pool, token, request.runId), packJson(request), {
      timeout: ASK_MS,
    });
  }

  /**
   * Says how many lanes of a class a run could use. What is not said again goes by itself.
   * @param said how many were said before, and not so long ago that they have to be said again
   */
  async sayNeed({ token, runId, lanes }: Need, said: number): Promise<void> {
    const { pool } = this;
    const isLess = lanes < said;
    if (isLess)
      await this.#manager.streams.purge(poolStream(pool), { filter: needSubject(pool, token, runId, "*") });
    for (let number = isLess ? 1 : said + 1; number <= lanes; number++)
      this.#connection.publish(needSubject(pool, token, runId, number));
  }

  /** Removes all that is in the queue of a run. */
  async forget(runId: string, tokens: Iterable<string>): Promise<void> {
    const stream = poolStream(this.pool);
    for (const token of tokens) {
      await this.#manager.streams.purge(stream, { filter: wantSubject(this.pool, token, runId) });
      await this.#manager.streams.purge(stream, { filter: needSubject(this.pool, token, runId, "*") });
    }
  }

  /** How many lanes runs could use. */
  needs(): Promise<Need[]> {
    return readNeeds(this.#manager, this.pool);
  }

  async #ensureStream(): Promise<void> {
    const name = poolStream(this.pool);
    const isThere = await this.#manager.streams.info(name).catch(() => undefined);
    // One that somebody has made with replicas, say, is as good.
    if (isThere !== undefined) return;
    await this.#manager.streams.add({
      name,
      description: "Requests of Muster's runs for lanes of a pool",
      subjects: poolSubjects(this.pool),
      retention: RetentionPolicy.Workqueue,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      max_msgs_per_subject: 1,
      max_age: QUEUE_AGE_MS * NANOS,
    });
  }
}

/** Empty also where there is no such pool. */
export async function readNeeds(manager: JetStreamManager, pool: string): Promise<Need[]> {
  const filter = needSubject(pool, "*", "*", "*");
  const info = await manager.streams
    .info(poolStream(pool), { subjects_filter: filter })
    .catch(() => undefined);
  const needs = new Map<string, Need>();
  for (const subject of Object.keys(info?.state.subjects ?? {})) {
    const { token, runId } = readNeedSubject(subject);
    const key = `${runId} ${token}`;
    needs.set(key, { runId, token, lanes: (needs.get(key)?.lanes ?? 0) + 1 });
  }
  return [...needs.values()];
}
