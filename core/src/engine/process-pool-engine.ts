import { atExit } from "../base/at-exit.ts";
import type { Timer } from "../base/clock.ts";
import { endDescendants } from "../base/descendants.ts";
import { MusterError, toError } from "../base/errors.ts";
import { type HealthEvent, healthAfter, NEW_HEALTH, type RestartPolicy } from "../base/health.ts";
import type { EngineListener } from "../contracts/engine.ts";
import { workerEnv } from "../contracts/worker-env.ts";
import type { WorkerDeath } from "../contracts/worker-link.ts";
import { HubEngine } from "./hub/hub-engine.ts";
import type { WorkerHubOptions } from "./hub/worker-hub.ts";
import { PoolProcess } from "./pool-process.ts";

export interface ProcessPoolOptions extends WorkerHubOptions {
  readonly processes: number;
  readonly tasksPerThread: number;
  readonly cancelGraceMs: number;
}

/** How it goes on after processes ended. */
const RESTARTS: RestartPolicy = { maxBootFailures: 3, backOffMs: 100, maxBackOffMs: 10_000, stableMs: 1000 };

/** A process of the pool. */
interface Member {
  /** Undefined until it has been started. */
  process: PoolProcess | undefined;
  /** The start that it belongs to. */
  readonly round: number;
  readonly bootDeadline: Timer;
  /** When it could run tasks, by the engine's clock. */
  readyAt: number | undefined;
  /** Tasks that lie there. */
  running: number;
  /** Whether it ever had less to do than before. */
  hasWorked: boolean;
}

/** A child that hears nothing of this process asks the operating system for it, after so many milliseconds. */
const DEATH_TIMEOUT_MS = 30_000;
/** One that can run no tasks after so many milliseconds never will. */
const START_TIMEOUT_MS = 60_000;

/** Runs tasks in child processes of this one: a cluster without a provider, whose processes are gone with this one. */
export class ProcessPoolEngine extends HubEngine {
  readonly #options: ProcessPoolOptions;
  readonly #members = new Map<string, Member>();
  readonly #starting = new Set<Promise<void>>();
  #listener: EngineListener | undefined;
  #forgetExit: (() => void) | undefined;
  #started = 0;
  #health = NEW_HEALTH;
  #restart: Timer | undefined;
  readonly #ending = new AbortController();
  /** The last net: whatever ends this process in an orderly way takes them along, and what their tasks started. */
  readonly #killAll = (): void => {
    endDescendants(...Array.from(this.#members.values(), ({ process }) => process?.ancestor ?? []).flat());
  };

  constructor(options: ProcessPoolOptions) {
    super(options);
    this.#options = options;
    this.subscribe((event) => {
      const member = this.#members.get(event.id);
      // One that is stopped, say, would not end by itself.
      if (event.type === "left") void member?.process?.close();
      if (event.type === "busy" && member !== undefined) {
        member.hasWorked ||= event.running < member.running;
        member.running = event.running;
      }
      if (event.type !== "joined" || member === undefined) return;
      member.readyAt = this.clock.now();
      member.bootDeadline.cancel();
      this.#fare({ type: "ready" });
      this.#replace();
    });
  }

  protected override async open(listener: EngineListener): Promise<void> {
    await super.open(listener);
    this.#listener = listener;
    this.#forgetExit = atExit(this.#killAll);
    this.#startMissing();
  }

  protected override async end(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#starting);
    // They would find nobody, and complain about it.
    this.#restart?.cancel();
    for (const { process, readyAt, bootDeadline } of this.#members.values()) {
      bootDeadline.cancel();
      if (readyAt === undefined) process?.kill();
    }
    await super.end();
    await Promise.all(Array.from(this.#members.values(), ({ process }) => process?.close()));
    this.#forgetExit?.();
  }

  /** Those that are started together share what becomes of them: see `health.ts`. */
  #startMissing(): void {
    this.#restart = undefined;
    this.#fare({ type: "launched", now: this.clock.now() });
    while (this.#members.size < this.#options.processes) this.#startProcess();
  }

  #startProcess(): void {
    const id = `p-${++this.#started}`;
    const bootDeadline = this.clock.after(START_TIMEOUT_MS, () => member.process?.kill(), {
      keepAlive: false,
    });
    const member: Member = {
      process: undefined,
      round: this.#health.round,
      bootDeadline,
      readyAt: undefined,
      running: 0,
      hasWorked: false,
    };
    this.#members.set(id, member);
    const starting = PoolProcess.start(this.#env(id), this.#ending.signal)
      .then(
        (process) => {
          member.process = process;
          void process.ended.then((death) => this.#ended(id, death));
        },
        (error: unknown) => this.#ended(id, { reason: toError(error).message, lastLines: [] }),
      )
      .finally(() => this.#starting.delete(starting));
    this.#starting.add(starting);
  }

  #ended(id: string, death: WorkerDeath): void {
    const member = this.#members.get(id);
    if (member === undefined || this.#ending.signal.aborted) return;
    this.#members.delete(id);
    member.bootDeadline.cancel();
    this.reportDeath(id, death);
    const now = this.clock.now();
    const { round, readyAt, hasWorked } = member;
    if (readyAt !== undefined) this.#fare({ type: "died", now, livedMs: now - readyAt, hasWorked });
    else this.#fare({ type: "bootFailed", now, round, permanent: false });
    this.#replace();
    if (this.#restart === undefined && this.#members.size === 0) {
      const tail = death.lastLines.length === 0 ? "" : ` Its last lines:\n${death.lastLines.join("\n")}`;
      const message = `The pool's processes cannot start, ${RESTARTS.maxBootFailures} times in a row: ${death.reason}.${tail}`;
      this.#listener?.failed(new MusterError("CLUSTER_START", message));
    }
  }

  /** Starts what is missing when its time has come, unless too many failed to start. */
  #replace(): void {
    const { bootFailures, retryAt } = this.#health;
    if (this.#members.size === this.#options.processes || bootFailures >= RESTARTS.maxBootFailures) return;
    this.#restart ??= this.clock.after(Math.max(0, retryAt - this.clock.now()), () => this.#startMissing());
  }

  #fare(event: HealthEvent): void {
    this.#health = healthAfter(this.#health, event, RESTARTS);
  }

  #env(id: string): Record<string, string> {
    const { run, tasksPerThread, cancelGraceMs } = this.#options;
    const { address, token } = this.endpoint;
    return workerEnv({
      address,
      token,
      certificate: undefined,
      nats: undefined,
      workerId: id,
      runId: run.flowRunId,
      threads: 1,
      tasksPerThread,
      resources: {},
      memoryLimit: undefined,
      deathTimeoutMs: DEATH_TIMEOUT_MS,
      cancelGraceMs,
      logLevel: run.logLevel,
    });
  }
}
