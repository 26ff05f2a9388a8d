import type { WorkerId, WorkerObservation } from "../contracts/provider.ts";
import type { WorkerDeath } from "../contracts/worker-link.ts";
import type { ClusterSession, WorkerStatus } from "./cluster-session.ts";
import { LineLog } from "./line-log.ts";
import type { WorkerRecord } from "./reconciler.ts";
import { nextState, type WorkerSignal, type WorkerState } from "./worker-state.ts";

/** How many of a worker's last lines go with the news of its death. */
const LAST_LINES = 20;

/** All that is known of one worker, from the request to its end. */
export class WorkerEntry implements WorkerRecord {
  readonly id: WorkerId;
  /** The launch that it belongs to. */
  readonly round: number;
  readonly launchedAt: number;
  readonly log = new LineLog();
  state: WorkerState = "launching";
  since: number;
  readyAt: number | undefined;
  running = 0;
  /** Whether it ever had less to do than before. */
  hasWorked = false;
  slots: number | undefined;
  pid: number | undefined;
  host: string | undefined;
  /** Its end is meant, so it is no failure. */
  expected = false;
  /** Its failure was counted, so its end is not counted again. */
  counted = false;
  /** The provider answered the request for it. Before that it cannot be taken away. */
  answered = false;
  /** The provider is taking it away. */
  terminating = false;
  /** After a failed attempt to take it away: not before this time again. */
  terminateAt = 0;
  /** Ends when the provider has no more lines of it. */
  logsDone: Promise<void> | undefined;
  /** What Muster itself knows of why it went: `"connection lost"`. */
  cause: string | undefined;
  #seen: Partial<WorkerObservation> = {};

  constructor(id: WorkerId, round: number, now: number) {
    this.id = id;
    this.round = round;
    this.launchedAt = now;
    this.since = now;
  }

  /** Moves it; false when the signal says nothing new. */
  heard(signal: WorkerSignal, now: number): boolean {
    const next = nextState(this.state, signal);
    if (next === this.state) return false;
    this.state = next;
    this.since = now;
    if (next === "ready") this.readyAt = now;
    return true;
  }

  /**
   * Takes in what its provider says of it; false once its end was told. That first end stays: it was seen when it
   * happened, and what is told after it is late, or knows only that the worker is not there.
   */
  saw(observation: WorkerObservation): boolean {
    if (this.#seen.phase === "ended") return false;
    this.#seen = { ...observation, reason: observation.reason ?? this.#seen.reason };
    return true;
  }

  /** The last that its provider said of it, or the first of its end. */
  get seen(): Partial<WorkerObservation> {
    return this.#seen;
  }

  /** Milliseconds from the request to the connection. */
  get bootMs(): number | undefined {
    return this.readyAt === undefined ? undefined : this.readyAt - this.launchedAt;
  }

  /** Why it went, as far as anybody knows. */
  get reason(): string {
    const words = [this.cause, this.seen.reason].filter((one) => one !== undefined && one !== "");
    if (words.length > 0) return words.join("; ");
    return this.readyAt === undefined ? "it ended before it was ready" : "it ended";
  }

  death(): WorkerDeath {
    const { exitCode, signal, outOfMemory } = this.seen;
    return { reason: this.reason, exitCode, signal, outOfMemory, lastLines: this.log.last(LAST_LINES) };
  }

  status(clock: ClusterSession["clock"]): WorkerStatus {
    const { id, state, running, slots, pid, host, bootMs } = this;
    return {
      id,
      state,
      sinceMs: clock.now() - this.since,
      running,
      slots,
      pid,
      host,
      bootMs,
      reason: this.seen.reason,
    };
  }
}
