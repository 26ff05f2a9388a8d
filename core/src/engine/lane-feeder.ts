import type { Clock, Timer } from "../base/clock.ts";
import type { EngineTask } from "../contracts/engine.ts";
import { BlobHandle } from "./blob-store.ts";
import { type InFlightTable, type LaneState, takesTasks } from "./in-flight.ts";
import { ResourceQueues } from "./resource-queues.ts";

/**
 * How much expected work may lie at a lane, begun or not, in milliseconds: enough to never wait for the driver, which
 * hears of short tasks' ends every 10 ms only. (A third of it made hashing on all cores slower by 3 %: what a wake-up of
 * the driver costs, it costs the tasks.)
 */
const WINDOW_MS = 32;
/** A task that takes longer is not sent ahead of need, in milliseconds. */
const SHORT_MS = 4;
/** What a task costs a worker besides itself, in milliseconds. */
const TASK_OVERHEAD_MS = 0.004;
/** The most tasks that lie at a lane. */
const MAX_IN_FLIGHT = 2048;
/** The most bytes that what lies at a lane ahead of need is expected to give: a run's memory follows its width. */
const MAX_AHEAD_BYTES = 4 * 2 ** 20;
/** A lane from which nothing came for so long while others starve gives back what has not begun, in milliseconds; … */
const STUCK_MS = 20;
/** … and so does one that has more than this to do, in milliseconds, and gets its share of it again. */
const MUCH_MS = 2;
/** While lanes starve, it is looked so often whether others have too much, in milliseconds. */
const BALANCE_MS = 1;

export interface LaneFeederOptions {
  readonly clock: Clock;
  readonly inFlight: InFlightTable;
  /** The cores of this process's machine, if its lanes are there as well. */
  readonly cores: number | undefined;
  /** Sends what lies ready to go to a lane. */
  readonly send: (lane: LaneState) => void;
}

/**
 * Decides which task goes to which lane, and when. A free lane gets the next task at once. Short tasks are sent ahead of
 * need, as many as are expected to take `WINDOW_MS`, in one message; what turns out long gives back those behind it.
 */
export class LaneFeeder {
  readonly #options: LaneFeederOptions;
  readonly #inFlight: InFlightTable;
  readonly #queues = new ResourceQueues();
  /** Lanes that had room and found nothing to do. */
  readonly #hungry = new Set<LaneState>();
  /** Attempts that were cancelled while they waited here, by task. */
  readonly #cancelled = new Map<number, number>();
  #lanes = 0;
  #balance: Timer | undefined;

  constructor(options: LaneFeederOptions) {
    this.#options = options;
    this.#inFlight = options.inFlight;
  }

  /** Takes tasks that wait for room. */
  add(tasks: readonly EngineTask[]): void {
    for (const task of tasks) this.#queues.push(task);
    this.feedHungry();
  }

  /** What waits here, by what it needs. */
  get waiting(): ReturnType<ResourceQueues["sizes"]> {
    return this.#queues.sizes();
  }

  /** Takes a task back that lay at a lane: it goes before others like it. */
  takeBack(task: EngineTask): void {
    this.#queues.unshift(task);
  }

  /** Forgets an attempt that waits here. */
  cancel({ id, attempt }: EngineTask): void {
    this.#cancelled.set(id, attempt);
  }

  addLane(lane: LaneState): void {
    this.#lanes++;
    this.feed(lane);
    // There may be nothing to do for it but what lies stuck behind others.
    this.#scheduleBalance();
  }

  /** The lane takes nothing more. */
  removeLane(lane: LaneState): void {
    this.#lanes--;
    this.#hungry.delete(lane);
  }

  /** What was asked back from a lane has come: it has room again, unless it is stuck. */
  returned(lane: LaneState): void {
    // One that is stuck must not get the same tasks again, before it tells of an end.
    const isStuck = lane.inFlight >= lane.concurrency && this.#isStuck(lane);
    if (!takesTasks(lane.worker) || isStuck) this.#hungry.delete(lane);
    else this.#hungry.add(lane);
    this.feedHungry();
  }

  /**
   * Lanes keep all cores busy, and this process gets one only when a lane has nothing to do: an end that is told earlier
   * wakes it for nothing, and where it then waits no lane's end sets it free.
   */
  get isCrowded(): boolean {
    return this.#lanes >= (this.#options.cores ?? Number.POSITIVE_INFINITY);
  }

  /** Something ended at this lane: it may have room. */
  feed(lane: LaneState): void {
    this.#feed([lane]);
    this.#scheduleBalance();
  }

  /** There may be more for lanes that had room and found nothing. */
  feedHungry(): void {
    if (this.#queues.size > 0) this.#feed([...this.#hungry].sort(byLoad));
    this.#scheduleBalance();
  }

  close(): void {
    this.#balance?.cancel();
    this.#queues.clear();
    this.#hungry.clear();
  }

  /**
   * Gives lanes what they have room for: first, to each, what can begin at once; then what is sent ahead, so that what
   * waits is spread over all lanes before it is stacked on one.
   * @param lanes those with the least to do first
   */
  #feed(lanes: readonly LaneState[]): void {
    if (this.#options.cores === undefined && lanes.length > 1) this.#feedHolders(lanes);
    for (let waiting = -1; waiting !== this.#queues.size; ) {
      waiting = this.#queues.size;
      const share = Math.ceil(waiting / lanes.length);
      for (const lane of lanes) this.#fill(lane, share);
    }
    if (this.#queues.plainSize > 0) {
      const levelMs = this.#levelMs();
      for (const lane of lanes) this.#fillAhead(lane, levelMs);
    }
    for (const lane of lanes) {
      if (!takesTasks(lane.worker)) continue;
      if (lane.inFlight < lane.concurrency || lane.expectedMs < WINDOW_MS / 2) this.#hungry.add(lane);
      else this.#hungry.delete(lane);
      this.#options.send(lane);
    }
  }

  /** The next tasks, as long as each has a free lane on a worker that holds what it needs. */
  #feedHolders(lanes: readonly LaneState[]): void {
    for (let task = this.#queues.peekPlain(); task !== undefined; task = this.#queues.peekPlain()) {
      const lane = holderOf(task, lanes);
      if (lane === undefined) return;
      const taken = this.#take(() => this.#queues.takeIf(() => true));
      if (taken !== undefined) this.#place(taken, lane);
    }
  }

  /** What can begin at once, at most so many. */
  #fill(lane: LaneState, share: number): void {
    if (!takesTasks(lane.worker)) return;
    for (let count = 0; count < share && lane.inFlight < lane.concurrency; count++) {
      const task = this.#take(() => this.#queues.take(lane.worker.pool.free));
      if (task === undefined) return;
      this.#place(task, lane);
    }
  }

  #fillAhead(lane: LaneState, levelMs: number): void {
    if (!takesTasks(lane.worker) || lane.expectedMs >= WINDOW_MS / 2) return;
    const mayGoAhead = (task: EngineTask): boolean =>
      isShort(task) && lane.expectedBytes + task.fn.expectedBytes <= MAX_AHEAD_BYTES;
    while (lane.expectedMs < levelMs && lane.inFlight < MAX_IN_FLIGHT) {
      const task = this.#take(() => this.#queues.takeIf(mayGoAhead));
      if (task === undefined) return;
      this.#place(task, lane);
    }
  }

  /** How much every lane has to do when what waits is spread evenly, in milliseconds; no more than may lie at one. */
  #levelMs(): number {
    const waitingMs = this.#queues.plainSize * costMs(this.#queues.peekPlain()!);
    const evenMs = (this.#inFlight.expectedMs + waitingMs) / this.#lanes;
    // A little less than even: sums of fractions must not send one more.
    return Math.min(evenMs - TASK_OVERHEAD_MS / 2, WINDOW_MS);
  }

  /** The next task that was not cancelled meanwhile. */
  #take(next: () => EngineTask | undefined): EngineTask | undefined {
    for (;;) {
      const task = next();
      if (task === undefined || this.#cancelled.size === 0) return task;
      if (this.#cancelled.get(task.id) !== task.attempt) return task;
      this.#cancelled.delete(task.id);
    }
  }

  #place(task: EngineTask, lane: LaneState): void {
    if (lane.inFlight === 0) lane.quietSince = this.#options.clock.now();
    lane.outgoing.push(this.#inFlight.add(task, lane, costMs(task)));
    if (this.#options.cores !== undefined) return;
    for (const { value } of task.dependencies) if (value instanceof BlobHandle) value.holdAt(lane.worker.id);
  }

  /** While lanes starve and tasks lie behind others, looks whether those others have too much. */
  #scheduleBalance(): void {
    if (this.#balance !== undefined || this.#queues.size > 0) return;
    if (this.#hungry.size === 0 || this.#inFlight.crowded.size === 0) return;
    this.#balance = this.#options.clock.after(
      BALANCE_MS,
      () => {
        this.#balance = undefined;
        this.#recallTooMuch();
        this.#scheduleBalance();
      },
      { keepAlive: false },
    );
  }

  #recallTooMuch(): void {
    if (![...this.#hungry].some((lane) => lane.inFlight < lane.concurrency)) return;
    const now = this.#options.clock.now();
    for (const lane of [...this.#inFlight.crowded]) {
      const leftMs = lane.expectedMs - (now - lane.quietSince);
      if (leftMs > MUCH_MS || this.#isStuck(lane))
        lane.worker.port.recall({ lane: lane.number, end: lane.sent });
    }
  }

  #isStuck(lane: LaneState): boolean {
    return this.#options.clock.now() - lane.quietSince > STUCK_MS;
  }
}

/** Of the lanes that have room, the one whose worker holds most of what the task needs; undefined when none holds any. */
function holderOf({ dependencies }: EngineTask, lanes: readonly LaneState[]): LaneState | undefined {
  let best: LaneState | undefined;
  let mostBytes = 0;
  for (const lane of lanes) {
    if (!takesTasks(lane.worker) || lane.inFlight >= lane.concurrency) continue;
    let bytes = 0;
    for (const { value } of dependencies)
      if (value instanceof BlobHandle && value.isHeldBy(lane.worker.id)) bytes += value.byteLength;
    if (bytes > mostBytes) {
      best = lane;
      mostBytes = bytes;
    }
  }
  return best;
}

/** Known to be short, and was never there when a worker was lost. */
function isShort({ alone, fn }: EngineTask): boolean {
  return !alone && fn.expectedMs !== undefined && fn.expectedMs < SHORT_MS;
}

function costMs({ fn }: EngineTask): number {
  return (fn.expectedMs ?? WINDOW_MS) + TASK_OVERHEAD_MS;
}

function byLoad(one: LaneState, other: LaneState): number {
  return one.expectedMs - other.expectedMs;
}
