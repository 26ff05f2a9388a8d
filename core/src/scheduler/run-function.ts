import type { CallSite, CodeUnit } from "../contracts/code-unit.ts";
import type { TaskFunction } from "../contracts/engine.ts";
import { Holdings } from "./holding.ts";
import type { RetryDelay } from "./retry.ts";

/** What the scheduler does with the tasks of one function. Durations are milliseconds. */
export interface TaskPolicy {
  readonly retries: number;
  readonly retryDelay: RetryDelay;
  readonly timeoutMs: number | undefined;
  readonly resources: Readonly<Record<string, number>> | undefined;
  readonly priority: number;
  /** How often an attempt that had started may be lost with its worker. */
  readonly workerLostRetries: number;
}

/** How a task is treated when nothing is said. */
export const DEFAULT_POLICY: TaskPolicy = {
  retries: 0,
  retryDelay: 0,
  timeoutMs: undefined,
  resources: undefined,
  priority: 0,
  workerLostRetries: 3,
};

/** How much the last duration counts in the average, as in dask.distributed. */
const SMOOTHING = 0.5;

/** A function as one run of a flow knows it: what it is, how its tasks are treated, how long they take. */
export class RunFunction implements TaskFunction {
  readonly index: number;
  readonly name: string;
  readonly local: (...args: never[]) => unknown;
  readonly site: CallSite | undefined;
  readonly policy: TaskPolicy;
  code: CodeUnit | undefined;
  /** Settles when the code is there; undefined when nothing has to be waited for. */
  preparing: Promise<void> | undefined;
  expectedMs: number | undefined;
  expectedBytes = 0;
  readonly holdings = new Holdings();
  /** Why no task of it may run any more: see `LossCauses`. */
  deadly: Error | undefined;
  /** Tasks that the engine has. */
  submitted = 0;
  /** Of those, the ones that are known to run. */
  running = 0;

  constructor(index: number, facts: Pick<TaskFunction, "name" | "local" | "site">, policy: TaskPolicy) {
    this.index = index;
    this.name = facts.name;
    this.local = facts.local;
    this.site = facts.site;
    this.policy = policy;
  }

  get resources(): Readonly<Record<string, number>> | undefined {
    return this.policy.resources;
  }

  get timeoutMs(): number | undefined {
    return this.policy.timeoutMs;
  }

  get onlyOnce(): boolean {
    return this.policy.workerLostRetries === 0;
  }

  /** An attempt that succeeded took this long, and gave so much. */
  took(durationMs: number, bytes: number): void {
    if (this.expectedMs === undefined) {
      this.expectedMs = durationMs;
      this.expectedBytes = bytes;
      return;
    }
    this.expectedMs += (durationMs - this.expectedMs) * SMOOTHING;
    this.expectedBytes += (bytes - this.expectedBytes) * SMOOTHING;
  }
}
