import type { WorkerSettings } from "../../contracts/worker-env.ts";

/** The first argument of a process that is a lane of a pool's worker. */
export const LANE_PROGRAM = "pool-lane";

/* What a pool's worker and the processes of its lanes tell each other. Nothing of it is in an environment or on a command
   line, where what the tasks of one run start could read what is another's. */

export type ToLane =
  /** Where the server is and what else is known before a run comes: the connection and a thread are there by then. */
  | {
      readonly type: "prepare";
      readonly address: string;
      readonly nats: Readonly<Record<string, string>>;
      readonly workerId: string;
      /** What all that its tasks start inherits. */
      readonly mark: Readonly<Record<string, string>>;
      readonly memoryLimit: number | undefined;
    }
  /** The one run that this process will ever work for. */
  | { readonly type: "serve"; readonly settings: WorkerSettings }
  | { readonly type: "wake" }
  | { readonly type: "rest" }
  | { readonly type: "drain" };

export type FromLane =
  | { readonly type: "prepared" }
  /** The run has welcomed it. */
  | { readonly type: "ready" }
  /** Nothing of the run is there any more. */
  | { readonly type: "rested"; readonly turn: number };
