import { requireNumber } from "../base/check-options.ts";
import type { ScalingEvent } from "../contracts/event.ts";
import type { Demand } from "../contracts/worker-link.ts";
import { type AdaptOptions, type AdaptPolicy, resolveAdaptOptions } from "./adapt-options.ts";
import { AdaptiveScaler } from "./adaptive-scaler.ts";
import type { ClusterSettings } from "./cluster-options.ts";
import type { ClusterSession } from "./cluster-session.ts";
import type { Supervisor } from "./supervisor.ts";

/** Who carries a target out. */
export interface TargetDeps {
  readonly session: ClusterSession;
  readonly supervisor: Supervisor;
  readonly emit: (event: ScalingEvent) => void;
}

/** How many workers are wanted: a number that was asked for, or one that follows the backlog. */
export class Target {
  readonly #settings: ClusterSettings;
  #workers: number;
  /** How it follows the backlog, if it does. */
  #policy: AdaptPolicy | undefined;
  /** While it follows the backlog of a run. */
  #scaler: AdaptiveScaler | undefined;
  /** Undefined until the cluster runs. */
  #deps: TargetDeps | undefined;

  constructor(settings: ClusterSettings) {
    this.#settings = settings;
    this.#workers = settings.workers;
  }

  get workers(): number {
    return this.#workers;
  }

  /** What it can become by itself. */
  get maximum(): number {
    return this.#policy?.maximum ?? this.#workers;
  }

  /** The cluster runs: from now on it has what is wanted. */
  begin(deps: TargetDeps): void {
    this.#deps = deps;
    this.#follow();
  }

  /**
   * This number, until another is asked for.
   * @throws InvalidOptionError
   */
  scale(workers: number): void {
    const count = requireNumber(workers, { option: "workers", min: 0, whole: true });
    this.hold();
    this.#want(count, "It was asked for.");
  }

  /**
   * As many as the backlog asks for, between two bounds.
   * @throws InvalidOptionError
   */
  adapt(options: AdaptOptions): void {
    const policy = resolveAdaptOptions(options, this.#settings.defaultMaximum);
    this.hold();
    this.#policy = policy;
    if (this.#deps === undefined) this.#workers = policy.initial;
    else if (options.initial !== undefined) this.#want(policy.initial, "It is the initial number.");
    this.#follow();
  }

  /** The number that it is now. */
  hold(): void {
    this.#scaler?.stop();
    this.#scaler = undefined;
    this.#policy = undefined;
  }

  /** Looks at the backlog now, if there is none to wait for. */
  demandChanged(): void {
    if (this.#workers === 0) this.#scaler?.decide();
  }

  #follow(): void {
    if (this.#policy === undefined || this.#deps === undefined) return;
    const { session, supervisor } = this.#deps;
    const { threadsPerWorker, tasksPerThread } = this.#settings;
    this.#scaler = new AdaptiveScaler({
      policy: this.#policy,
      clock: session.clock,
      roster: supervisor.roster,
      slotsPerWorker: threadsPerWorker * tasksPerThread,
      demand: session.demand,
      wanted: () => this.#workers,
      decided: ({ wanted, reason }, demand) => this.#want(wanted, reason, demand),
    });
    this.#scaler.decide();
  }

  #want(workers: number, reason: string, demand?: Demand): void {
    const from = this.#workers;
    this.#workers = workers;
    if (this.#deps === undefined || from === workers) return;
    const { session, supervisor, emit } = this.#deps;
    emit({ type: "scaling", at: session.clock.wallTime(), from, to: workers, reason, demand });
    supervisor.want(workers);
  }
}
