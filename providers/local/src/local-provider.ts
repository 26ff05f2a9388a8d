import {
  AsyncQueue,
  type LaunchResult,
  type WorkerId,
  type WorkerObservation,
  type WorkerProvider,
  type WorkerSpec,
  workerFile,
} from "@muster/core";
import type { WorkerCommand } from "./local-options.ts";
import { workerEnvironment } from "./worker-environment.ts";
import { WorkerProcess } from "./worker-process.ts";

/** Ended workers whose last lines are kept. */
const MAX_REMEMBERED = 100;

export interface LocalProviderOptions {
  /** What starts a worker. @default this Node, with Muster's worker file */
  readonly command?: (worker: WorkerSpec) => WorkerCommand;
}

/** Workers as processes of this machine. */
export class LocalProvider implements WorkerProvider {
  readonly name = "local";
  readonly #command: (worker: WorkerSpec) => WorkerCommand;
  readonly #running = new Map<WorkerId, WorkerProcess>();
  readonly #ended = new Map<WorkerId, WorkerProcess>();
  /** Observations that came before somebody observes. */
  #observations = new AsyncQueue<WorkerObservation>();
  readonly #killAll = (): void => {
    for (const worker of this.#running.values()) worker.kill();
  };

  constructor(options: LocalProviderOptions = {}) {
    this.#command = options.command ?? (() => [process.execPath, workerFile()]);
  }

  async open(): Promise<undefined> {
    // The last net: whatever ends this process in an orderly way takes the workers with it.
    process.on("exit", this.#killAll);
  }

  launch(workers: readonly WorkerSpec[]): Promise<readonly LaunchResult[]> {
    return Promise.all(workers.map((worker) => this.#spawn(worker)));
  }

  observe(signal: AbortSignal): AsyncIterable<WorkerObservation> {
    const stop = (): void => this.#observations.close();
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    return this.#observations;
  }

  async terminate(ids: readonly WorkerId[], { graceMs }: { readonly graceMs: number }): Promise<void> {
    await Promise.all(ids.map((id) => this.#running.get(id)?.terminate(graceMs)));
  }

  logs(id: WorkerId, signal: AbortSignal): AsyncIterable<string> {
    const worker = this.#running.get(id) ?? this.#ended.get(id);
    if (worker !== undefined) return worker.log.follow(signal);
    const nothing = new AsyncQueue<string>();
    nothing.close();
    return nothing;
  }

  async close(): Promise<void> {
    process.off("exit", this.#killAll);
  }

  async #spawn(spec: WorkerSpec): Promise<LaunchResult> {
    const { id } = spec;
    let worker: WorkerProcess;
    let program = "";
    try {
      const command = this.#command(spec);
      program = command[0];
      worker = new WorkerProcess(spec, command, workerEnvironment(process.env, spec.env));
    } catch (error) {
      return refused(id, program, error as Error);
    }
    this.#running.set(id, worker);
    const failure = await worker.spawned;
    if (failure !== undefined) {
      this.#running.delete(id);
      return refused(id, program, failure);
    }
    this.#observations.push({ id, phase: "running" });
    void worker.ended.then((observation) => this.#forget(worker, observation));
    return { id, ok: true };
  }

  #forget(worker: WorkerProcess, observation: WorkerObservation): void {
    this.#running.delete(worker.id);
    this.#ended.set(worker.id, worker);
    if (this.#ended.size > MAX_REMEMBERED) this.#ended.delete(this.#ended.keys().next().value!);
    this.#observations.push(observation);
  }
}

/** What does not become better by trying again. */
const PERMANENT_CODES = new Set(["ENOENT", "EACCES", "ENOEXEC", "E2BIG"]);

function refused(id: WorkerId, program: string, error: NodeJS.ErrnoException): LaunchResult {
  const what = program === "" ? "its command cannot be made" : `the program ${program} cannot be started`;
  return {
    id,
    ok: false,
    reason: `${what}: ${error.message}`,
    permanent: PERMANENT_CODES.has(error.code ?? ""),
  };
}
