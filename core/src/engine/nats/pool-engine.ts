import type { NatsConnection, Subscription } from "@nats-io/transport-node";
import type { Timer } from "../../base/clock.ts";
import { MusterError } from "../../base/errors.ts";
import type { EngineListener, EngineTask, TaskFunction } from "../../contracts/engine.ts";
import type { LogLevel } from "../../contracts/event.ts";
import { type Bucket, openBucket, readAll } from "../../wire/nats/pool/bucket.ts";
import { type LaneNews, type PoolWorker, readJson } from "../../wire/nats/pool/pool-messages.ts";
import { POOLS_BUCKET, PRESENCE_MS, runPoolSubject, shownName } from "../../wire/nats/pool/pool-names.ts";
import { PoolQueue } from "../../wire/nats/pool/pool-queue.ts";
import { openRuns, RunSweeper } from "../../wire/nats/pool/run-leases.ts";
import { NatsEngine, type NatsEngineOptions } from "./nats-engine.ts";
import { PoolRequests } from "./pool-requests.ts";
import { Shortage } from "./shortage.ts";

export interface PoolEngineOptions extends NatsEngineOptions {
  readonly pool: string;
  /** Without any worker that could run its tasks a run fails after so many milliseconds. */
  readonly poolTimeoutMs: number;
  readonly cancelGraceMs: number;
  readonly deathTimeoutMs: number;
}

/** While lanes are missing, it is looked so often who is there, in milliseconds. */
const LOOK_MS = 1000;

/** The engine of a run that uses lanes of a pool which others started, and share. */
export class PoolEngine extends NatsEngine {
  readonly #options: PoolEngineOptions;
  readonly #shortage: Shortage;
  #listener: EngineListener | undefined;
  #pools: Bucket | undefined;
  #requests: PoolRequests | undefined;
  #sweeper: RunSweeper | undefined;
  #news: Subscription | undefined;
  #look: Timer | undefined;
  #isEnding = false;
  #isClosed = false;
  /** What each lane has, by its worker's name. */
  readonly #resources = new Map<string, Readonly<Record<string, number>>>();

  constructor(options: PoolEngineOptions) {
    super(options);
    this.#options = options;
    const { pool, poolTimeoutMs, target } = options;
    this.#shortage = new Shortage({ pool, poolTimeoutMs, address: target.address });
    this.subscribe((event) => {
      const requests = this.#requests;
      if (event.type === "joined") this.#resources.set(event.id, event.resources);
      else if (event.type === "awake") requests?.awake(event.id, this.#resources.get(event.id) ?? {});
      else if (event.type === "resting") requests?.gone(event.id);
      else if (event.type === "busy") requests?.busy(event.id, event.running);
      else {
        this.#resources.delete(event.id);
        requests?.gone(event.id);
      }
    });
  }

  override submit(tasks: readonly EngineTask[]): void {
    super.submit(tasks);
    this.#requests?.changed();
  }

  /** Workers may come that have anything. */
  override whyImpossible(_fn: TaskFunction): undefined {
    return undefined;
  }

  protected override async open(listener: EngineListener): Promise<void> {
    this.#listener = listener;
    await super.open(listener);
  }

  protected override async connected(connection: NatsConnection): Promise<void> {
    const { pool, run, cancelGraceMs, deathTimeoutMs } = this.#options;
    const { flowRunId: runId, logLevel } = run;
    const flowName = shownName(run.flowName);
    const queue = await PoolQueue.open(connection, pool);
    this.#pools = await openBucket(connection, POOLS_BUCKET, PRESENCE_MS);
    const why = this.#shortage.whyNever(await this.#workers());
    if (why !== undefined) throw new MusterError("CLUSTER_START", why);
    this.#sweeper = new RunSweeper(connection, await openRuns(connection), this.clock).start();
    this.#news = connection.subscribe(runPoolSubject(runId), {
      callback: (error, { data }) => {
        const news = error === null ? readJson<LaneNews>(data) : undefined;
        if (news !== undefined) this.#heard(news);
      },
    });
    this.#requests = new PoolRequests({
      queue,
      request: { runId, flowName, token: this.endpoint.token, cancelGraceMs, deathTimeoutMs, logLevel },
      demand: () => this.dispatcher.demand,
      giveBack: (id) => this.rest(id),
      clock: this.clock,
    });
    this.#scheduleLook();
  }

  protected override get pool(): string {
    return this.#options.pool;
  }

  /** Its lanes are let go: their ends are meant. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  protected override async end(): Promise<void> {
    this.#isEnding = true;
    await super.end();
  }

  protected override async leaving(): Promise<void> {
    this.#isClosed = true;
    this.#look?.cancel();
    this.#sweeper?.close();
    this.#news?.unsubscribe();
    await this.#requests?.close();
  }

  #heard(news: LaneNews): void {
    switch (news.type) {
      case "granted":
        this.#requests?.granted(news.token, news.workerId);
        return;
      case "renewed":
        this.#requests?.renewed(news.token);
        return;
      case "died":
        this.#requests?.gone(news.workerId);
        this.reportDeath(news.workerId, news.death);
        return;
      case "printed":
        for (const line of news.lines) this.#log("info", line, news.workerId);
        return;
    }
  }

  #scheduleLook(): void {
    this.#look = this.clock.after(LOOK_MS, () => void this.#lookForWorkers(), { keepAlive: false });
  }

  async #lookForWorkers(): Promise<void> {
    try {
      const missing = this.#requests?.missing ?? [];
      const workers = missing.length === 0 || this.hearsNobody ? [] : await this.#workers();
      if (this.#isClosed) return;
      const { log, error } = this.#shortage.look(this.hearsNobody ? [] : missing, workers, this.clock.now());
      if (log !== undefined) this.#log("warn", log);
      if (error !== undefined) this.#listener?.failed(new MusterError("CLUSTER_START", error));
    } catch {
      // The server is away: nobody can be seen there.
    }
    if (!this.#isClosed) this.#scheduleLook();
  }

  async #workers(): Promise<PoolWorker[]> {
    const found = await readAll(this.#pools!, `${this.#options.pool}.*`, (data) =>
      readJson<PoolWorker>(data),
    );
    return [...found.values()];
  }

  #log(level: LogLevel, message: string, worker?: string): void {
    const event = { type: "log", at: this.clock.wallTime(), level, message } as const;
    this.#listener?.log(worker === undefined ? event : { ...event, worker });
  }
}
