import type { Clock, Timer } from "../../base/clock.ts";
import type { Resources } from "../../base/resources.ts";
import type { LaneRequest } from "../../wire/nats/pool/pool-messages.ts";
import type { PoolQueue } from "../../wire/nats/pool/pool-queue.ts";
import { classToken } from "../../wire/nats/pool/resource-class.ts";
import { lanesOfUse } from "./lane-needs.ts";

export interface PoolRequestsOptions {
  readonly queue: Pick<PoolQueue, "ensureClass" | "request" | "sayNeed" | "forget">;
  readonly request: LaneRequest;
  /** Tasks that could run now or do, by what they need. */
  readonly demand: () => readonly { readonly needs: Resources; readonly count: number }[];
  /** The run has nothing to do for a lane. */
  readonly giveBack: (workerId: string) => void;
  readonly clock: Clock;
  /** From 0 to 1. @default Math.random */
  readonly random?: () => number;
}

/** A lane of the pool that works for this run, or is about to. */
interface RunLane {
  readonly token: string;
  /** Undefined: it was granted, and does not work yet. */
  awakeAt: number | undefined;
  grantedAt: number;
  /** Since when it has nothing to do. */
  idleSince: number | undefined;
}

/** What the run has said of a class. */
interface Said {
  /** When the request in the queue was put there; undefined: there is none. */
  askedAt: number | undefined;
  /** Not before this time it asks again. */
  askAt: number;
  /** How many lanes it said to be of use, and when. */
  lanes: number;
  saidAt: number;
  /** Something is on its way to the server. */
  isBusy: boolean;
}

/** Changes are looked at so long after the last time at the soonest, in milliseconds; … */
const LEAST_MS = 10;
/** … and without changes so often. */
const LOOK_MS = 250;
/** What is in the queue is put there again before the queue forgets it, in milliseconds. */
const SAY_AGAIN_MS = 20_000;
/** A smaller need is told so seldom, in milliseconds: towards its end a run would tell of each task. */
const SAY_LESS_MS = 1000;
/** A lane that has nothing to do for so long goes back to the pool, in milliseconds. */
const IDLE_MS = 2000;
/** One that was granted must work after so many milliseconds, or it is not counted on. */
const COMING_MS = 20_000;
/** Where a lane was left to the run instead of a new one, it asks again after so long, and by chance more, in milliseconds. */
const RENEWED_MS = 150;
const RENEWED_MORE_MS = 200;

/**
 * Asks a pool for the lanes that a run can use, one after another: a request waits in the queue, and when it is granted
 * the next is put at the end, behind those of other runs.
 */
export class PoolRequests {
  readonly #options: PoolRequestsOptions;
  readonly #clock: Clock;
  readonly #lanes = new Map<string, RunLane>();
  readonly #said = new Map<string, Said>();
  readonly #random: () => number;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #timer: { readonly at: number; readonly timer: Timer } | undefined;
  #isClosed = false;

  constructor(options: PoolRequestsOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#random = options.random ?? Math.random;
    this.#lookAt(this.#clock.now() + LOOK_MS);
  }

  /** There may be more to do, or less. */
  changed(): void {
    this.#lookAt(this.#lookedAt + LEAST_MS);
  }

  /** Whether any lane works for the run. */
  get hasLanes(): boolean {
    return [...this.#lanes.values()].some(({ awakeAt }) => awakeAt !== undefined);
  }

  /** Classes of which lanes are of use, and none works. */
  get missing(): string[] {
    const awake = new Set(
      [...this.#lanes.values()].flatMap(({ token, awakeAt }) => (awakeAt === undefined ? [] : [token])),
    );
    return [...this.#use()].flatMap(([token, lanes]) => (lanes > 0 && !awake.has(token) ? [token] : []));
  }

  granted(token: string, workerId: string): void {
    const said = this.#of(token);
    said.askedAt = undefined;
    const lane = this.#lanes.get(workerId);
    if (lane === undefined) this.#lanes.set(workerId, { ...this.#coming(token), awakeAt: undefined });
    else lane.grantedAt = this.#clock.now();
    this.changed();
  }

  renewed(token: string): void {
    const said = this.#of(token);
    said.askedAt = undefined;
    said.askAt = this.#clock.now() + RENEWED_MS + this.#random() * RENEWED_MORE_MS;
    this.changed();
  }

  awake(workerId: string, resources: Resources): void {
    const now = this.#clock.now();
    const token = classToken(resources);
    const lane = this.#lanes.get(workerId) ?? this.#coming(token);
    this.#lanes.set(workerId, { ...lane, awakeAt: now, idleSince: now });
    this.changed();
  }

  /** How many tasks lie at a lane has changed. */
  busy(workerId: string, running: number): void {
    const lane = this.#lanes.get(workerId);
    if (lane !== undefined) lane.idleSince = running > 0 ? undefined : this.#clock.now();
    this.changed();
  }

  /** A lane works for the run no more. */
  gone(workerId: string): void {
    this.#lanes.delete(workerId);
    this.changed();
  }

  /** Removes what the run has in the queue. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.timer.cancel();
    await this.#options.queue.forget(this.#options.request.runId, this.#said.keys());
  }

  #coming(token: string): RunLane {
    return { token, awakeAt: undefined, grantedAt: this.#clock.now(), idleSince: undefined };
  }

  #of(token: string): Said {
    const said = this.#said.get(token) ?? {
      askedAt: undefined,
      askAt: Number.NEGATIVE_INFINITY,
      lanes: 0,
      saidAt: Number.NEGATIVE_INFINITY,
      isBusy: false,
    };
    this.#said.set(token, said);
    return said;
  }

  #lookAt(at: number): void {
    if (this.#isClosed || (this.#timer !== undefined && this.#timer.at <= at)) return;
    this.#timer?.timer.cancel();
    const look = (): void => {
      this.#timer = undefined;
      this.#look();
      const now = this.#clock.now();
      const later = Array.from(this.#said.values(), ({ askAt }) => askAt).filter((askAt) => askAt > now);
      this.#lookAt(Math.min(now + LOOK_MS, ...later));
    };
    this.#timer = { at, timer: this.#clock.after(at - this.#clock.now(), look, { keepAlive: false }) };
  }

  #use(): Map<string, number> {
    const tasks = new Map<string, number>();
    for (const { needs, count } of this.#options.demand()) {
      const token = classToken(needs);
      tasks.set(token, (tasks.get(token) ?? 0) + count);
    }
    return lanesOfUse(tasks, this.#counts());
  }

  #counts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { token } of this.#lanes.values()) counts.set(token, (counts.get(token) ?? 0) + 1);
    return counts;
  }

  #look(): void {
    const now = this.#clock.now();
    this.#lookedAt = now;
    for (const [workerId, { awakeAt, grantedAt, idleSince }] of this.#lanes) {
      if (awakeAt === undefined && now - grantedAt > COMING_MS) this.#lanes.delete(workerId);
      if (idleSince === undefined || now - idleSince < IDLE_MS) continue;
      this.#lanes.delete(workerId);
      this.#options.giveBack(workerId);
    }
    const counts = this.#counts();
    for (const [token, lanes] of this.#use()) {
      if (lanes === 0 && !this.#said.has(token)) continue;
      const said = this.#of(token);
      if (said.isBusy) continue;
      const isAsked = said.askedAt !== undefined && now - said.askedAt < SAY_AGAIN_MS;
      const asks = lanes > (counts.get(token) ?? 0) && !isAsked && now >= said.askAt;
      if (asks || this.#isToBeSaid(said, lanes, now)) void this.#say(token, { said, lanes, asks });
    }
  }

  #isToBeSaid(said: Said, lanes: number, now: number): boolean {
    if (lanes > said.lanes) return true;
    if (lanes > 0 && now - said.saidAt >= SAY_AGAIN_MS) return true;
    return lanes < said.lanes && now - said.saidAt >= SAY_LESS_MS;
  }

  async #say(
    token: string,
    { said, lanes, asks }: { readonly said: Said; readonly lanes: number; readonly asks: boolean },
  ): Promise<void> {
    const { queue, request } = this.#options;
    said.isBusy = true;
    try {
      await queue.ensureClass(token);
      if (asks) {
        said.askedAt = this.#clock.now();
        await queue.request(token, request);
      }
      if (this.#isToBeSaid(said, lanes, this.#clock.now())) {
        const now = this.#clock.now();
        const isOld = now - said.saidAt >= SAY_AGAIN_MS;
        await queue.sayNeed(
          { token, runId: request.runId, lanes },
          isOld && lanes >= said.lanes ? 0 : said.lanes,
        );
        if (isOld || lanes < said.lanes) said.saidAt = now;
        said.lanes = lanes;
      }
    } catch {
      // The server is away: it is tried again.
      if (asks) said.askedAt = undefined;
      said.askAt = this.#clock.now() + LOOK_MS;
    } finally {
      said.isBusy = false;
    }
    if (!this.#isClosed) this.changed();
  }
}
