import type { Clock, Timer } from "../base/clock.ts";
import type { Demand } from "../contracts/worker-link.ts";
import type { AdaptPolicy } from "./adapt-options.ts";
import { type AdaptiveDecision, type AdaptiveInputs, type AdaptiveMemory, decide } from "./adaptive.ts";
import type { Roster } from "./roster.ts";
import { isLive } from "./worker-state.ts";

export interface AdaptiveScalerDeps {
  readonly policy: AdaptPolicy;
  readonly clock: Clock;
  readonly roster: Roster;
  readonly slotsPerWorker: number;
  readonly demand: () => Demand;
  readonly wanted: () => number;
  /** A decision for another number than the wanted one. */
  readonly decided: (decision: AdaptiveDecision, demand: Demand) => void;
}

/** Decides at each interval how many workers there should be. */
export class AdaptiveScaler {
  readonly #deps: AdaptiveScalerDeps;
  #memory: AdaptiveMemory = {};
  #timer: Timer | undefined;

  constructor(deps: AdaptiveScalerDeps) {
    this.#deps = deps;
  }

  /** Decides now, and from then on at each interval. */
  decide(): void {
    const { policy, clock, demand, wanted, decided } = this.#deps;
    const now = demand();
    const decision = decide(this.#inputs(now), policy, this.#memory);
    this.#memory = decision.memory;
    if (decision.wanted !== wanted()) decided(decision, now);
    this.stop();
    this.#timer = clock.after(policy.intervalMs, () => this.decide(), { keepAlive: false });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #inputs(demand: Demand): AdaptiveInputs {
    const { clock, roster, slotsPerWorker, wanted } = this.#deps;
    const now = clock.now();
    const { present, bootMs } = roster;
    const ready = present.filter(({ state }) => state === "ready");
    const booting = present.filter(({ state }) => isLive(state) && state !== "ready");
    const leaving = present.filter(({ state }) => !isLive(state));
    return {
      now,
      demand,
      slotsPerWorker,
      wanted: wanted(),
      ready: ready.length,
      bootingForMs: booting.map(({ launchedAt }) => now - launchedAt),
      runningOnDraining: leaving.reduce((sum, { running }) => sum + running, 0),
      bootMs,
    };
  }
}
