import type { Cluster } from "../cluster/cluster.ts";
import type { WorkerStatus } from "../cluster/cluster-session.ts";
import type { LeaseKeeper } from "../contracts/leases.ts";

/** What the tests pass to a cluster class beside what `capabilities` say: every class takes these. */
export interface CommonKwargs {
  readonly workers?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly startTimeoutMs?: number;
  readonly maxBootFailures?: number;
}

/** Makes the cluster under test, with `CommonKwargs` and whatever `capabilities` give in their `kwargs`. */
export type ClusterFactory<Kwargs extends object> = (kwargs: Kwargs & CommonKwargs) => Cluster;

/** What the tests cannot know of a provider, and how they look at it from outside. */
export interface ClusterCapabilities<Kwargs extends object> {
  /** The same class as a user names it, `"my-package#MyCluster"`: for drivers in processes of their own. */
  readonly clusterClass: string;
  /** What every cluster of the tests is made with. @default nothing */
  readonly kwargs?: Kwargs;
  /** Ends a worker's process with SIGKILL, as nobody asked for. */
  readonly kill: (worker: WorkerStatus, runId: string) => Promise<void>;
  /** What there is of a run at the provider, whoever its driver was. Names, for messages. */
  readonly leftovers: (runId: string) => Promise<readonly string[]>;
  /** Workers that cannot exist (no such image, no such program), and what the error says of them. */
  readonly absent: { readonly kwargs: Kwargs; readonly says: RegExp };
  /** Workers that a task ends by wanting memory. The function travels as source, so it stands alone. */
  readonly outOfMemory: { readonly kwargs: Kwargs; readonly hog: () => unknown; readonly says: RegExp };
  /** Where something can outlive a driver that was killed; undefined where nothing can. */
  readonly garbage?: {
    readonly keeper: LeaseKeeper;
    /** With leases that expire within some seconds. */
    readonly kwargs: Kwargs;
    /** Stops the workers of a run, so that they cannot end by themselves. */
    readonly freeze: (runId: string) => Promise<void>;
    /** Leases that a run has beside those of its workers. @default 0 */
    readonly beside?: number;
  };
  /** Milliseconds that each test may take. @default 60000 */
  readonly timeoutMs?: number;
}
