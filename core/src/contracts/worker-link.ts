import type { EngineEndpoint, WorkerId } from "./provider.ts";

/**
 * What a cluster needs of the engine that its workers dial out to. The engine implements it; the cluster
 * never sees tasks.
 */
export interface WorkerLink {
  /** Where workers dial to. */
  readonly endpoint: EngineEndpoint;
  /** Says what happens to connected workers, until unsubscribed. */
  subscribe(listener: (event: WorkerLinkEvent) => void): () => void;
  /**
   * Asks a worker to take no new tasks, finish what runs, and leave. The answer comes as a `left` event with
   * `drained: true`. Unknown ids do nothing.
   */
  drain(id: WorkerId): void;
  /** Says that a worker is dead, with what is known of its end, so that its tasks are decided now, not at a timeout. */
  reportDeath(id: WorkerId, death: WorkerDeath): void;
}

/** The last that is known of a worker. Every error about its loss carries it. */
export interface WorkerDeath {
  readonly reason: string;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly outOfMemory?: boolean;
  /** `true`: it was ended for another task's sake, which costs the tasks that were lost with it none of their retries. */
  readonly deliberate?: boolean;
  /** The last lines that it printed, oldest first. */
  readonly lastLines: readonly string[];
}

export type WorkerLinkEvent =
  /** It can run tasks: one that ends before that has failed to start. */
  | {
      readonly type: "joined";
      readonly id: WorkerId;
      readonly slots: number;
      readonly resources: Readonly<Record<string, number>>;
      readonly pid: number;
      readonly host: string;
    }
  /** A worker that several runs share works for this one now, … */
  | { readonly type: "awake"; readonly id: WorkerId }
  /** … or does not, or not for much longer. */
  | { readonly type: "resting"; readonly id: WorkerId }
  | { readonly type: "busy"; readonly id: WorkerId; readonly running: number }
  | { readonly type: "left"; readonly id: WorkerId; readonly drained: boolean; readonly reason: string };

/** What the scheduler asks of a cluster, in numbers. */
export interface Demand {
  /** Tasks that could run now if there were room. */
  readonly ready: number;
  /** Tasks that run now. */
  readonly running: number;
  /** Of `ready`, those whose duration nobody knows yet. */
  readonly unknown: number;
  /** Expected milliseconds of the ready tasks whose duration is known, summed. */
  readonly knownMs: number;
  /** Expected milliseconds that the running tasks still need, summed. */
  readonly remainingMs: number;
  /** `true` while the flow may still submit tasks. */
  readonly open: boolean;
}
