import { endDescendants } from "../base/descendants.ts";
import { MusterError, toError } from "../base/errors.ts";
import { workerEnv } from "../cluster/worker-env.ts";
import type { WorkerDeath } from "../cluster/worker-link.ts";
import type { EngineListener } from "./engine.ts";
import { HubEngine } from "./hub/hub-engine.ts";
import type { WorkerHubOptions } from "./hub/worker-hub.ts";
import { PoolProcess } from "./pool-process.ts";

export interface ProcessPoolOptions extends WorkerHubOptions {
  readonly processes: number;
  readonly tasksPerThread: number;
  readonly cancelGraceMs: number;
}

/** So many processes in a row that end before they are connected: it will not get better. */
const MAX_BOOT_FAILURES = 3;
/** A child that hears nothing of this process asks the operating system for it, after so many milliseconds. */
const DEATH_TIMEOUT_MS = 30_000;

/** Runs tasks in child processes of this one: a cluster without a provider, whose processes are gone with this one. */
export class ProcessPoolEngine extends HubEngine {
  readonly #options: ProcessPoolOptions;
  readonly #children = new Map<string, PoolProcess>();
  readonly #starting = new Set<Promise<void>>();
  /** Those that run, and are still on their way here. */
  readonly #booting = new Set<string>();
  #listener: EngineListener | undefined;
  #started = 0;
  #bootFailures = 0;
  readonly #ending = new AbortController();
  /** The last net: whatever ends this process in an orderly way takes them along, and what their tasks started. */
  readonly #killAll = (): void => {
    for (const child of this.#children.values()) child.kill();
    endDescendants({ mark: { MUSTER_RUN_ID: this.#options.run.flowRunId } });
  };

  constructor(options: ProcessPoolOptions) {
    super(options);
    this.#options = options;
    this.subscribe((event) => {
      // One that is stopped, say, would not end by itself.
      if (event.type === "left") void this.#children.get(event.id)?.close();
      if (event.type !== "joined") return;
      this.#booting.delete(event.id);
      this.#bootFailures = 0;
    });
  }

  protected override async open(listener: EngineListener): Promise<void> {
    await super.open(listener);
    this.#listener = listener;
    process.on("exit", this.#killAll);
    for (let index = 0; index < this.#options.processes; index++) this.#startProcess();
  }

  protected override async end(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#starting);
    // They would find nobody, and complain about it.
    for (const id of this.#booting) this.#children.get(id)?.kill();
    await super.end();
    await Promise.all(Array.from(this.#children.values(), (child) => child.close()));
    process.off("exit", this.#killAll);
  }

  #startProcess(): void {
    const id = `p-${++this.#started}`;
    const starting = PoolProcess.start(this.#env(id), this.#ending.signal)
      .then(
        (child) => this.#runs(id, child),
        (error: unknown) => this.#failed({ reason: toError(error).message, lastLines: [] }),
      )
      .finally(() => this.#starting.delete(starting));
    this.#starting.add(starting);
  }

  #runs(id: string, child: PoolProcess): void {
    this.#children.set(id, child);
    this.#booting.add(id);
    void child.ended.then((death) => this.#ended(id, death));
  }

  #ended(id: string, death: WorkerDeath): void {
    this.#booting.delete(id);
    if (!this.#children.delete(id) || this.#ending.signal.aborted) return;
    this.reportDeath(id, death);
    this.#failed(death);
  }

  #failed(death: WorkerDeath): void {
    if (this.#ending.signal.aborted) return;
    if (++this.#bootFailures > MAX_BOOT_FAILURES) {
      const tail = death.lastLines.length === 0 ? "" : ` Its last lines:\n${death.lastLines.join("\n")}`;
      this.#listener?.failed(
        new MusterError("CLUSTER_START", `The pool's processes cannot start: ${death.reason}.${tail}`),
      );
      return;
    }
    this.#startProcess();
  }

  #env(id: string): Record<string, string> {
    const { run, tasksPerThread, cancelGraceMs } = this.#options;
    const { address, token } = this.endpoint;
    return workerEnv({
      address,
      token,
      certificate: undefined,
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
