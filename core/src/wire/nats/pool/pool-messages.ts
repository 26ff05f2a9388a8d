import type { Resources } from "../../../base/resources.ts";
import type { LogLevel } from "../../../contracts/event.ts";
import type { WorkerDeath } from "../../../contracts/worker-link.ts";

/** A request of a run for one lane, until another run's turn. */
export interface LaneRequest {
  readonly runId: string;
  readonly flowName: string;
  /** What the lane must show to the run. */
  readonly token: string;
  readonly cancelGraceMs: number;
  readonly deathTimeoutMs: number;
  readonly logLevel: LogLevel;
}

/** What a run hears of its lanes. */
export type LaneNews =
  /** A worker of the pool has taken the request: this lane comes. */
  | { readonly type: "granted"; readonly token: string; readonly workerId: string }
  /** Another lane of the run was to go, and stays. */
  | { readonly type: "renewed"; readonly token: string }
  /** Its process has ended. */
  | { readonly type: "died"; readonly workerId: string; readonly death: WorkerDeath }
  /** What a process printed that was no task's print. */
  | { readonly type: "printed"; readonly workerId: string; readonly lines: readonly string[] };

/** What a worker of a pool says of itself. */
export interface PoolWorker {
  readonly id: string;
  readonly pool: string;
  readonly host: string;
  readonly pid: number;
  /** Of Node. */
  readonly node: string;
  readonly protocol: number;
  readonly resources: Resources;
  readonly lanes: readonly LaneUse[];
  /** It finishes what runs, and goes. */
  readonly isLeaving: boolean;
}

/** Whom a lane works for; nobody: `runId` is undefined. */
export interface LaneUse {
  readonly runId?: string;
  readonly flowName?: string;
  /** The class of the lane. */
  readonly token?: string;
  /** In milliseconds since 1970. */
  readonly since?: number;
}

export function packJson(message: unknown): string {
  return JSON.stringify(message);
}

const decoder = new TextDecoder();

/** Undefined for what is no JSON. */
export function readJson<T>(data: Uint8Array): T | undefined {
  try {
    return JSON.parse(decoder.decode(data)) as T;
  } catch {
    return undefined;
  }
}
