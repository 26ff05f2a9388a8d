import { type Resources, suffices, without } from "../../base/resources.ts";

/**
 * A lane of this worker may be given to another run when its own has had it for so long, in milliseconds, and by chance up
 * to half as much more: in step, several workers would always take from the same run.
 */
export const QUANTUM_MS = 200;

/** A run's hold on a lane of some class. */
export interface Lease {
  readonly runId: string;
  /** The name of the class. */
  readonly token: string;
  /** What of the worker's resources the lane takes. */
  readonly needs: Resources;
  /** Since when its quantum runs, in milliseconds; undefined before it works. */
  since: number | undefined;
  /** When it began to work, in milliseconds since 1970; undefined before. */
  beganAt: number | undefined;
  /** What its quantum is longer than the shortest, in milliseconds. */
  extraMs: number;
}

/** A place for a lane. */
export interface Slot {
  readonly number: number;
  /** Whom it works for; undefined when it is idle. */
  lease: Lease | undefined;
  /** Its run was told to give it back. */
  isResting: boolean;
}

/** What becomes of a request. */
export type Taken =
  /** The run has a lane here whose turn it was to go: it stays instead. */
  | { readonly how: "renewed" }
  /** It gets the next slot that is free. With `rests`, that one has to become so. */
  | { readonly how: "granted"; readonly lease: Lease; readonly rests: Slot | undefined };

export interface PoolSlotsOptions {
  readonly slots: number;
  readonly resources: Resources;
  /** From 0 to 1. @default Math.random */
  readonly random?: () => number;
}

/**
 * Decides which slot of a worker takes a request: an idle one, or else the one whose run has had it the longest, once that
 * is longer than a quantum. Since requests come by turns of the runs, so do lanes go.
 *
 * A lane that is granted waits until a slot is free, whichever that is, so that one which is busy for long keeps nobody
 * waiting.
 */
export class PoolSlots {
  readonly slots: readonly Slot[];
  readonly #resources: Resources;
  readonly #random: () => number;
  /** Granted, and without a slot, in their order. */
  readonly #waiting: Lease[] = [];

  constructor({ slots, resources, random = Math.random }: PoolSlotsOptions) {
    this.slots = Array.from({ length: slots }, (_, index) => ({
      number: index + 1,
      lease: undefined,
      isResting: false,
    }));
    this.#resources = resources;
    this.#random = random;
  }

  /** Whether such a lane could be here at all. */
  couldHave(needs: Resources): boolean {
    return suffices(this.#resources, needs);
  }

  /** When a request for such a lane can be taken: 0 for now, undefined for nobody knows. */
  roomAt(needs: Resources): number | undefined {
    if (!this.couldHave(needs)) return undefined;
    if (this.#idle(needs) > 0) return 0;
    const times = this.slots.flatMap((slot) => (this.#couldRest(slot, needs) ? endOf(slot.lease!) : []));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Takes a request; undefined when there is no room for it now. */
  take({ runId, token, needs }: Pick<Lease, "runId" | "token" | "needs">, now: number): Taken | undefined {
    const lease: Lease = {
      runId,
      token,
      needs,
      since: undefined,
      beganAt: undefined,
      extraMs: this.#extraMs(),
    };
    if (this.couldHave(needs) && this.#idle(needs) > 0) {
      this.#waiting.push(lease);
      return { how: "granted", lease, rests: undefined };
    }
    const oldest = this.#oldest(needs, now);
    if (oldest === undefined) return undefined;
    if (oldest.lease!.runId === runId && oldest.lease!.token === token) {
      oldest.lease!.since = now;
      oldest.lease!.extraMs = this.#extraMs();
      return { how: "renewed" };
    }
    oldest.isResting = true;
    this.#waiting.push(lease);
    return { how: "granted", lease, rests: oldest };
  }

  /** Gives free slots to those that wait and are ready for them. */
  assign(isReady: (lease: Lease) => boolean): { readonly slot: Slot; readonly lease: Lease }[] {
    const assigned: { slot: Slot; lease: Lease }[] = [];
    for (const lease of [...this.#waiting]) {
      const slot = this.slots.find((one) => one.lease === undefined);
      if (slot === undefined) break;
      if (!isReady(lease) || !suffices(this.#free(this.slots), lease.needs)) continue;
      this.#waiting.splice(this.#waiting.indexOf(lease), 1);
      slot.lease = lease;
      slot.isResting = false;
      assigned.push({ slot, lease });
    }
    return assigned;
  }

  /** Nothing of this lease is here any more. */
  release(lease: Lease): void {
    const at = this.#waiting.indexOf(lease);
    if (at >= 0) this.#waiting.splice(at, 1);
    for (const slot of this.slots) {
      if (slot.lease !== lease) continue;
      slot.lease = undefined;
      slot.isResting = false;
    }
  }

  /** Idle slots that nobody waits for, as far as there are resources for such a lane. */
  #idle(needs: Resources): number {
    const staying = this.slots.filter((slot) => slot.lease !== undefined && !slot.isResting);
    if (!suffices(this.#free(staying, this.#waiting), needs)) return 0;
    return this.slots.length - staying.length - this.#waiting.length;
  }

  #oldest(needs: Resources, now: number): Slot | undefined {
    let oldest: Slot | undefined;
    for (const slot of this.slots) {
      if (!this.#couldRest(slot, needs)) continue;
      const ends = endOf(slot.lease!);
      if (ends > now) continue;
      if (oldest === undefined || ends < endOf(oldest.lease!)) oldest = slot;
    }
    return oldest;
  }

  #extraMs(): number {
    return (this.#random() * QUANTUM_MS) / 2;
  }

  /** Whether such a lane has room once this slot is free. */
  #couldRest(slot: Slot, needs: Resources): boolean {
    if (slot.isResting || slot.lease?.since === undefined) return false;
    const staying = this.slots.filter((one) => one !== slot && !one.isResting);
    return suffices(this.#free(staying, this.#waiting), needs);
  }

  #free(slots: readonly Slot[], waiting: readonly Lease[] = []): Resources {
    const held = [...slots.flatMap((slot) => slot.lease ?? []), ...waiting];
    return held.reduce<Resources>((free, { needs }) => without(free, needs), this.#resources);
  }
}

/** Of one that works. */
function endOf({ since, extraMs }: Lease): number {
  return since! + QUANTUM_MS + extraMs;
}
