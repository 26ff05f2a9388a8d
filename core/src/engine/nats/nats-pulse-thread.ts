import { Worker } from "node:worker_threads";

/** What the thread is told. */
export interface PulseData {
  readonly address: string;
  /** Credentials, as `natsEnv` gives them. */
  readonly env: Readonly<Record<string, string>>;
  readonly runId: string;
}

/**
 * A thread of the driver that tells workers, over a connection of its own, that the driver lives, also while the flow's
 * own code keeps the main thread busy. It stops with the process: a driver that is stopped or killed has no pulse.
 */
export class NatsPulseThread {
  readonly #thread: Worker;

  constructor(data: PulseData) {
    const file = import.meta.url.endsWith(".ts") ? "./pulse-thread.ts" : "./pulse-thread.js";
    // No options of this process: a loader of the user's has no business there.
    this.#thread = new Worker(new URL(file, import.meta.url), {
      workerData: data,
      execArgv: [],
      stderr: true,
    });
    // Without it only a driver that is busy for very long is in danger.
    this.#thread.on("error", () => {});
    this.#thread.unref();
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}
