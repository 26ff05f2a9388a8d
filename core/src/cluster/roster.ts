import type { Clock } from "../base/clock.ts";
import { type Health, healthAfter, NEW_HEALTH, type RestartPolicy } from "../base/health.ts";
import type { WorkerEvent } from "../contracts/event.ts";
import type { WorkerId } from "../contracts/provider.ts";
import type { WorkerFailure } from "./cluster-session.ts";
import { WorkerEntry } from "./worker-entry.ts";
import type { WorkerSignal } from "./worker-state.ts";

/** Ended workers that are remembered, with their last lines. */
const MAX_REMEMBERED = 100;

export interface RosterDeps {
  readonly clock: Clock;
  readonly policy: RestartPolicy;
  /** Until the first boot was measured. */
  readonly expectedBootMs: number;
  readonly emit: (event: WorkerEvent) => void;
  /** A worker moved. */
  readonly changed: () => void;
}

/** The workers of a cluster, those that are gone and not long forgotten, and how they have fared. */
export class Roster {
  readonly #deps: RosterDeps;
  readonly #present = new Map<WorkerId, WorkerEntry>();
  readonly #gone = new Map<WorkerId, WorkerEntry>();
  #health: Health = NEW_HEALTH;
  #nextNumber = 1;
  #bootMs: number | undefined;
  #lastFailure: WorkerFailure | undefined;

  constructor(deps: RosterDeps) {
    this.#deps = deps;
  }

  /** The workers that are not gone. */
  get present(): readonly WorkerEntry[] {
    return [...this.#present.values()];
  }

  get health(): Health {
    return this.#health;
  }

  /** How long a boot takes: a moving average of those seen. */
  get bootMs(): number {
    return this.#bootMs ?? this.#deps.expectedBootMs;
  }

  get lastFailure(): WorkerFailure | undefined {
    return this.#lastFailure;
  }

  /** A worker that is not gone. */
  get(id: WorkerId): WorkerEntry | undefined {
    return this.#present.get(id);
  }

  /** A worker, also one that is gone. */
  recall(id: WorkerId): WorkerEntry | undefined {
    return this.#present.get(id) ?? this.#gone.get(id);
  }

  /** Enters workers that are asked for together. */
  launched(count: number): WorkerEntry[] {
    const { clock, policy } = this.#deps;
    this.#health = healthAfter(this.#health, { type: "launched", now: clock.now() }, policy);
    return Array.from({ length: count }, () => {
      const entry = new WorkerEntry(`w-${this.#nextNumber++}`, this.#health.round, clock.now());
      this.#present.set(entry.id, entry);
      this.#tell(entry);
      return entry;
    });
  }

  /** None is wanted, so none is waited for. */
  noneWanted(): void {
    this.#health = healthAfter(this.#health, { type: "unwanted" }, this.#deps.policy);
  }

  joined(entry: WorkerEntry): void {
    const bootMs = this.#deps.clock.now() - entry.launchedAt;
    this.#bootMs = this.#bootMs === undefined ? bootMs : (this.#bootMs + bootMs) / 2;
    this.#health = healthAfter(this.#health, { type: "ready" }, this.#deps.policy);
    this.move(entry, "joined");
  }

  move(entry: WorkerEntry, signal: WorkerSignal): void {
    if (!entry.heard(signal, this.#deps.clock.now())) return;
    this.#tell(entry);
    this.#deps.changed();
  }

  /** Its end, or its loss, was not meant: counts once, as a boot failure or as a death. */
  failed(entry: WorkerEntry): void {
    if (entry.readyAt === undefined) this.#lastFailure = { worker: entry.id, death: entry.death() };
    if (entry.counted) return;
    entry.counted = true;
    const { clock, policy } = this.#deps;
    const now = clock.now();
    const { round, readyAt, seen, hasWorked } = entry;
    this.#health = healthAfter(
      this.#health,
      readyAt === undefined
        ? { type: "bootFailed", now, round, permanent: seen.permanent === true }
        : { type: "died", now, livedMs: now - readyAt, hasWorked },
      policy,
    );
  }

  /** It is not there any more; false if that was known. */
  end(entry: WorkerEntry): boolean {
    if (!this.#present.delete(entry.id)) return false;
    if (!entry.expected) this.failed(entry);
    entry.running = 0;
    if (entry.logsDone === undefined) entry.log.end();
    this.#gone.set(entry.id, entry);
    if (this.#gone.size > MAX_REMEMBERED) this.#gone.delete(this.#gone.keys().next().value!);
    this.move(entry, "ended");
    return true;
  }

  /** Ends all logs, so that whoever follows one is done. */
  endLogs(): void {
    for (const entry of [...this.#present.values(), ...this.#gone.values()]) entry.log.end();
  }

  #tell(entry: WorkerEntry): void {
    const { id, state, slots, bootMs, expected, seen, reason } = entry;
    const event = { type: "worker", at: this.#deps.clock.wallTime(), worker: id } as const;
    switch (state) {
      case "ready":
        this.#deps.emit({ ...event, state, slots, bootMs });
        break;
      case "gone": {
        const { exitCode, signal, outOfMemory } = seen;
        this.#deps.emit({ ...event, state, expected, reason, exitCode, signal, outOfMemory });
        break;
      }
      case "stopping":
        // It lasts as long as the provider takes; what matters is the end.
        break;
      default:
        this.#deps.emit({ ...event, state });
    }
  }
}
