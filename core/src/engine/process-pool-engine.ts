import { type ChildProcess, spawn } from "node:child_process";
import { MusterError } from "../base/errors.ts";
import { workerEnv } from "../cluster/worker-env.ts";
import type { WorkerDeath } from "../cluster/worker-link.ts";
import { workerFile } from "../worker/worker-file.ts";
import type { EngineListener } from "./engine.ts";
import { HubEngine } from "./hub/hub-engine.ts";
import type { WorkerHubOptions } from "./hub/worker-hub.ts";

export interface ProcessPoolOptions extends WorkerHubOptions {
  readonly processes: number;
  readonly tasksPerThread: number;
  readonly cancelGraceMs: number;
}

/** So many processes in a row that end before they are connected: it will not get better. */
const MAX_BOOT_FAILURES = 3;
/** What a process printed last, for the error about its end. */
const LAST_LINES = 20;

/** A child that hears nothing of this process asks the operating system for it, after so many milliseconds. */
const DEATH_TIMEOUT_MS = 30_000;

/** Runs tasks in child processes of this one: a cluster without a provider, whose processes are gone with this one. */
export class ProcessPoolEngine extends HubEngine {
  readonly #options: ProcessPoolOptions;
  readonly #children = new Map<string, ChildProcess>();
  /** Those that are still on their way here. */
  readonly #booting = new Set<string>();
  #listener: EngineListener | undefined;
  #started = 0;
  #bootFailures = 0;
  #ending = false;

  constructor(options: ProcessPoolOptions) {
    super(options);
    this.#options = options;
    this.subscribe((event) => {
      if (event.type !== "joined") return;
      this.#booting.delete(event.id);
      this.#bootFailures = 0;
    });
  }

  protected override async open(listener: EngineListener): Promise<void> {
    await super.open(listener);
    this.#listener = listener;
    for (let index = 0; index < this.#options.processes; index++) this.#startProcess();
  }

  protected override async end(): Promise<void> {
    this.#ending = true;
    // They would find nobody, and complain about it.
    for (const id of this.#booting) this.#children.get(id)?.kill("SIGKILL");
    await super.end();
    await Promise.all(Array.from(this.#children.values(), killed));
  }

  #startProcess(): void {
    const id = `p-${++this.#started}`;
    const child = spawn(process.execPath, [workerFile()], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...this.#env(id) },
    });
    this.#children.set(id, child);
    this.#booting.add(id);
    const lines = lastLines(child);
    child.on("error", (error) => this.#ended(id, { reason: error.message, lastLines: [] }));
    child.on("exit", (code, signal) => {
      const reason =
        signal === null ? `its process ended with exit code ${code}` : `its process was ended by ${signal}`;
      const death = {
        reason,
        lastLines: lines(),
        ...(code !== null && { exitCode: code }),
        ...(signal !== null && { signal }),
      };
      this.#ended(id, death);
    });
  }

  #ended(id: string, death: WorkerDeath): void {
    this.#booting.delete(id);
    if (!this.#children.delete(id) || this.#ending) return;
    this.reportDeath(id, death);
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

/** Keeps what a child prints last, and passes all of it on. */
function lastLines(child: ChildProcess): () => string[] {
  let text = "";
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    from?.on("data", (chunk: Buffer) => {
      to.write(chunk);
      text = `${text}${chunk.toString()}`.slice(-10_000);
    });
  }
  return () => text.split("\n").filter(Boolean).slice(-LAST_LINES);
}

/** Ends a child that was told to end, if it does not. Resolves when it is gone. */
function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
    return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), 1000);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
