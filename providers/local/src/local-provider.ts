import {
  atExit,
  BroughtEngine,
  type EngineChoice,
  type EngineEndpoint,
  endDescendants,
  type LaunchResult,
  type OpenInfo,
  StartedWorkers,
  type StartProgramError,
  startProgram,
  type WorkerId,
  type WorkerObservation,
  type WorkerProvider,
  type WorkerSpec,
  workerFile,
} from "@muster/core";
import type { WorkerCommand } from "./local-options.ts";
import { workerEnvironment } from "./worker-environment.ts";
import { WorkerProcess } from "./worker-process.ts";

export interface LocalProviderOptions {
  /** What starts a worker. @default this Node, with Muster's worker file */
  readonly command?: ((worker: WorkerSpec) => WorkerCommand) | undefined;
  /** Where driver and workers meet. @default "hub" */
  readonly engine?: EngineChoice | undefined;
}

/** Workers as processes of this machine. */
export class LocalProvider implements WorkerProvider {
  readonly name = "local";
  readonly #command: (worker: WorkerSpec) => WorkerCommand;
  readonly #workers = new StartedWorkers<WorkerProcess>();
  readonly #engine: BroughtEngine | undefined;
  #forgetExit: (() => void) | undefined;

  constructor(options: LocalProviderOptions = {}) {
    this.#command = options.command ?? (() => [process.execPath, workerFile()]);
    const { engine = "hub" } = options;
    this.#engine = engine === "hub" ? undefined : new BroughtEngine(engine);
  }

  get bringsEngine(): boolean {
    return this.#engine !== undefined;
  }

  async open(run: OpenInfo): Promise<EngineEndpoint | undefined> {
    // The last net: whatever ends this process in an orderly way takes the workers with it.
    this.#forgetExit = atExit(() => endDescendants(...this.#workers.running.map(({ ancestor }) => ancestor)));
    return await this.#engine?.open(run);
  }

  launch(workers: readonly WorkerSpec[]): Promise<readonly LaunchResult[]> {
    return Promise.all(workers.map((worker) => this.#spawn(worker)));
  }

  observe(signal: AbortSignal): AsyncIterable<WorkerObservation> {
    return this.#workers.observe(signal);
  }

  terminate(ids: readonly WorkerId[], options: { readonly graceMs: number }): Promise<void> {
    return this.#workers.terminate(ids, options);
  }

  logs(id: WorkerId, signal: AbortSignal): AsyncIterable<string> {
    return this.#workers.logs(id, signal);
  }

  async close(): Promise<void> {
    this.#forgetExit?.();
    await this.#engine?.close();
  }

  async #spawn(spec: WorkerSpec): Promise<LaunchResult> {
    const { id } = spec;
    let command: WorkerCommand;
    try {
      command = this.#command(spec);
    } catch (error) {
      return { id, ok: false, reason: `its command cannot be made: ${(error as Error).message}` };
    }
    try {
      const env = workerEnvironment(process.env, spec.env);
      // A group of its own: the terminal's Ctrl-C is for the driver, which then decides what becomes of workers.
      const child = await startProgram(command, { env, detached: true });
      this.#workers.tell({ id, phase: "running" });
      this.#workers.add(new WorkerProcess(spec, child));
      return { id, ok: true };
    } catch (error) {
      const { message, permanent } = error as StartProgramError;
      return { id, ok: false, reason: message, permanent };
    }
  }
}
