import { type Ids, randomIds } from "../base/ids.ts";
import type { AdaptOptions } from "../cluster/adapt-options.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { MusterEvent } from "../contracts/event.ts";
import { EventLog } from "../events/event-log.ts";
import type { RunningExecutor } from "../executor/running-executor.ts";
import { TemporaryClusterExecutor } from "../executor/temporary-cluster-executor.ts";
import { until } from "./until.ts";

type EventOf<Type extends MusterEvent["type"]> = Extract<MusterEvent, { type: Type }>;

const ids: Ids = randomIds;

/** A cluster that serves a run, with all that it says. */
export class ClusterRun implements AsyncDisposable {
  readonly runId: string;
  readonly executor: RunningExecutor;
  readonly #events: readonly MusterEvent[];
  readonly #log: EventLog;

  private constructor(
    runId: string,
    executor: RunningExecutor,
    log: EventLog,
    events: readonly MusterEvent[],
  ) {
    this.runId = runId;
    this.executor = executor;
    this.#log = log;
    this.#events = events;
  }

  static async start(
    make: () => Cluster,
    options: { readonly adapt?: AdaptOptions; readonly deathTimeoutMs?: number } = {},
  ): Promise<ClusterRun> {
    const runId = ids.next("run");
    const log = new EventLog();
    const events: MusterEvent[] = [];
    log.subscribe((event) => events.push(event));
    const executor = await new TemporaryClusterExecutor({
      clusterClass: make,
      adaptKwargs: options.adapt,
      clientKwargs: { deathTimeoutMs: options.deathTimeoutMs },
    }).start({ runId, flowName: "contract", events: log });
    return new ClusterRun(runId, executor, log, events);
  }

  get cluster(): Cluster {
    return this.executor.cluster!;
  }

  of<Type extends MusterEvent["type"]>(type: Type): EventOf<Type>[] {
    return this.#events.filter((event): event is EventOf<Type> => event.type === type);
  }

  /** The first event that fits, whether it came already or will come. */
  first<Type extends MusterEvent["type"]>(
    type: Type,
    fits: (event: EventOf<Type>) => boolean,
  ): Promise<EventOf<Type>> {
    const found = this.of(type).find(fits);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve) => {
      const stop = this.#log.subscribe((event) => {
        if (event.type !== type || !fits(event as EventOf<Type>)) return;
        stop();
        resolve(event as EventOf<Type>);
      });
    });
  }

  /** Until so many workers are there that are not gone. */
  async untilPresent(count: number): Promise<void> {
    await until(() => this.cluster.workers.length === count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.executor.close();
  }
}
