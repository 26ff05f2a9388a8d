import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { type Bucket, openBucket, readAll } from "./bucket.ts";
import { type PoolWorker, readJson } from "./pool-messages.ts";
import { demandConsumer, POOLS_BUCKET, PRESENCE_MS, poolStream } from "./pool-names.ts";
import { readNeeds } from "./pool-queue.ts";
import { openRuns, type RunLease, readRuns } from "./run-leases.ts";

/** A run that uses lanes of a pool, or waits for some, by class of lanes. */
export interface PoolRun {
  readonly runId: string;
  readonly flowName: string;
  /** Where its driver is, if that is known. */
  readonly host: string | undefined;
  readonly pid: number | undefined;
  /** The name of the class. */
  readonly class: string;
  /** Lanes that work for it. */
  readonly lanes: number;
  /** Lanes that it could use, those that it has included. */
  readonly needs: number;
}

/** What an autoscaler reads of one class of lanes. */
export interface PoolDemand {
  readonly class: string;
  readonly stream: string;
  readonly consumer: string;
  /** What is pending there: how many lanes all runs together could use, those that they have included. */
  readonly lag: number;
}

/** A pool as it is now. */
export interface PoolStatus {
  readonly pool: string;
  readonly workers: readonly PoolWorker[];
  readonly runs: readonly PoolRun[];
  readonly demand: readonly PoolDemand[];
}

/** Looks at pools, and changes nothing. */
export class PoolObserver {
  readonly #manager: JetStreamManager;
  readonly #pools: Bucket;
  readonly #runs: Bucket;

  private constructor(manager: JetStreamManager, pools: Bucket, runs: Bucket) {
    this.#manager = manager;
    this.#pools = pools;
    this.#runs = runs;
  }

  static async open(connection: NatsConnection): Promise<PoolObserver> {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const pools = await openBucket(connection, POOLS_BUCKET, PRESENCE_MS);
    return new PoolObserver(manager, pools, await openRuns(connection));
  }

  /** All pools that there are, or the one with this name. */
  async look(only?: string): Promise<PoolStatus[]> {
    const workers = await readAll(this.#pools, ">", (data) => readJson<PoolWorker>(data));
    const leases = await readRuns(this.#runs);
    const names = only === undefined ? await this.#names() : [only];
    return await Promise.all(
      names.map((pool) => {
        const ofPool = [...workers.values()].filter((worker) => worker.pool === pool);
        return this.#status(pool, ofPool.sort(byId), leases);
      }),
    );
  }

  async #names(): Promise<string[]> {
    const names: string[] = [];
    const prefix = poolStream("");
    for await (const name of await this.#manager.streams.names("muster.pool.*.want.>")) {
      if (name.startsWith(prefix)) names.push(name.slice(prefix.length));
    }
    return names.sort();
  }

  async #status(
    pool: string,
    workers: readonly PoolWorker[],
    leases: ReadonlyMap<string, RunLease>,
  ): Promise<PoolStatus> {
    const rows = new Map<string, { runId: string; class: string; lanes: number; needs: number }>();
    const row = (runId: string, token: string) => {
      const key = `${runId} ${token}`;
      const found = rows.get(key) ?? { runId, class: token, lanes: 0, needs: 0 };
      rows.set(key, found);
      return found;
    };
    const names = new Map<string, string>();
    for (const { runId, token, flowName } of workers.flatMap(({ lanes }) => lanes)) {
      if (runId === undefined) continue;
      row(runId, token ?? "any").lanes++;
      names.set(runId, flowName ?? "");
    }
    for (const { runId, token, lanes } of await readNeeds(this.#manager, pool))
      row(runId, token).needs = lanes;
    const runs = [...rows.values()].map(({ runId, ...rest }): PoolRun => {
      const lease = leases.get(runId);
      const flowName = names.get(runId) ?? lease?.flowName ?? "";
      return { runId, flowName, host: lease?.host, pid: lease?.pid, ...rest };
    });
    runs.sort((one, other) => (`${one.runId} ${one.class}` < `${other.runId} ${other.class}` ? -1 : 1));
    return { pool, workers, runs, demand: await this.#demand(pool) };
  }

  async #demand(pool: string): Promise<PoolDemand[]> {
    const stream = poolStream(pool);
    const prefix = demandConsumer("");
    const demand: PoolDemand[] = [];
    try {
      for await (const { name, num_pending } of this.#manager.consumers.list(stream)) {
        if (name.startsWith(prefix))
          demand.push({ class: name.slice(prefix.length), stream, consumer: name, lag: num_pending });
      }
    } catch {
      // There is no such pool.
    }
    return demand.sort((one, other) => (one.class < other.class ? -1 : 1));
  }
}

function byId(one: PoolWorker, other: PoolWorker): number {
  return one.id < other.id ? -1 : 1;
}
