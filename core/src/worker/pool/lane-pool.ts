import { randomBytes } from "node:crypto";
import type { Clock, Timer } from "../../base/clock.ts";
import { endDescendants } from "../../base/descendants.ts";
import { toError } from "../../base/errors.ts";
import type { WorkerSettings } from "../../contracts/worker-env.ts";
import { WorkerExitCode } from "../../contracts/worker-exit-code.ts";
import type { WorkerDeath } from "../../contracts/worker-link.ts";
import { type NatsTarget, natsEnv } from "../../wire/nats/nats-options.ts";
import type { LaneRequest } from "../../wire/nats/pool/pool-messages.ts";
import type { FromLane } from "./lane-messages.ts";
import { LaneProcess } from "./lane-process.ts";
import type { Lease } from "./pool-slots.ts";

/** A process that works for no run yet must be able to within so many milliseconds, … */
const BOOT_MS = 60_000;
/** … and one that was given to a run must have been welcomed there: else that run's driver is gone. */
const WELCOME_MS = 15_000;
/** A lane whose run has no turn now is kept for so long, since the run's next turn comes soon, in milliseconds. */
const KEEP_MS = 10_000;
/** After a process that could not boot, the next one waits so long at first, and at most, in milliseconds. */
const RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/** A lane of a run: its process, and whether it is the run's turn. */
export interface PoolLane {
  readonly workerId: string;
  readonly runId: string;
  readonly flowName: string;
  /** The name of its class. */
  readonly token: string;
  /** While the run has a turn here, or is to have one. */
  lease: Lease | undefined;
  /** Its run has welcomed it. */
  isReady: boolean;
  /** How often it was woken. */
  turn: number;
}

export interface LanePoolOptions {
  readonly target: NatsTarget;
  /** What the names of its lanes begin with. */
  readonly id: string;
  readonly memoryLimit: number | undefined;
  readonly clock: Clock;
  readonly listener: LanePoolListener;
}

export interface LanePoolListener {
  ready(lane: PoolLane): void;
  /** Nothing of its run is there any more. */
  rested(lane: PoolLane): void;
  ended(lane: PoolLane, death: WorkerDeath): void;
  printed(lane: PoolLane, line: string): void;
  /** Something for whoever reads what this worker prints. */
  complain(text: string): void;
}

/** A process of this worker. */
interface Member {
  readonly workerId: string;
  process: LaneProcess | undefined;
  lane: LaneState | undefined;
  /** It is connected, and can be given to a run. */
  isPrepared: boolean;
  deadline: Timer | undefined;
}

interface LaneState extends PoolLane {
  readonly settings: WorkerSettings;
  readonly member: Member;
  kept: Timer | undefined;
}

/** The processes of a pool's worker: some wait for a run to come, each of the others is a lane of one run. */
export class LanePool {
  readonly #options: LanePoolOptions;
  readonly #members = new Set<Member>();
  readonly #lanes = new Set<LaneState>();
  readonly #ending = new AbortController();
  readonly #empty = Promise.withResolvers<void>();
  #count = 0;
  #spares = 1;
  #failures = 0;
  #retry: Timer | undefined;

  constructor(options: LanePoolOptions) {
    this.#options = options;
  }

  /** Keeps so many processes that wait for a run: starting one takes longer than a turn. */
  keepSpares(count: number): void {
    this.#spares = count;
    this.#startMissing();
  }

  /** A lane that is at rest, of that run and class. */
  atRest(runId: string, token: string): PoolLane | undefined {
    return [...this.#lanes].find((lane) => {
      const fits = lane.runId === runId && lane.token === token;
      return fits && lane.lease === undefined && lane.isReady && lane.kept !== undefined;
    });
  }

  /** Gives a lane of a run a turn again, or makes one for it. */
  lease(request: LaneRequest, lease: Lease): PoolLane {
    const { runId, token } = lease;
    const resting = this.atRest(runId, token) as LaneState | undefined;
    const lane = resting ?? this.#makeLane(request, lease);
    lane.kept?.cancel();
    lane.kept = undefined;
    lane.lease = lease;
    return lane;
  }

  wake(lane: PoolLane): void {
    lane.turn++;
    this.#send(lane, { type: "wake" });
  }

  rest(lane: PoolLane): void {
    this.#send(lane, { type: "rest" });
  }

  /** Keeps a lane that rests for a while. */
  keep(lane: PoolLane): void {
    const state = lane as LaneState;
    state.lease = undefined;
    state.kept?.cancel();
    const end = (): void => {
      state.kept = undefined;
      this.#send(lane, { type: "drain" });
    };
    state.kept = this.#options.clock.after(KEEP_MS, end, { keepAlive: false });
  }

  /** Lets lanes finish what runs. Resolves when all have ended. */
  async drain(): Promise<void> {
    this.#spares = 0;
    this.#ending.abort();
    this.#retry?.cancel();
    for (const { process } of this.#members) process?.send({ type: "drain" });
    this.#checkEmpty();
    await this.#empty.promise;
  }

  /** Ends all at once. */
  kill(): void {
    endDescendants(...[...this.#members].flatMap(({ process }) => process?.ancestor ?? []));
  }

  #makeLane(request: LaneRequest, { token, needs }: Lease): LaneState {
    const { memoryLimit, target } = this.#options;
    const { runId, flowName, cancelGraceMs, deathTimeoutMs, logLevel } = request;
    const free = [...this.#members].filter((member) => member.lane === undefined);
    const member = free.find(({ isPrepared }) => isPrepared) ?? free[0] ?? this.#startOne();
    const { workerId } = member;
    const settings: WorkerSettings = {
      address: target.address,
      token: request.token,
      certificate: undefined,
      nats: natsEnv(target),
      workerId,
      runId,
      threads: 1,
      tasksPerThread: 1,
      resources: needs,
      memoryLimit,
      deathTimeoutMs,
      cancelGraceMs,
      logLevel,
    };
    const lane: LaneState = {
      workerId,
      runId,
      flowName,
      token,
      settings,
      lease: undefined,
      isReady: false,
      turn: 0,
      member,
      kept: undefined,
    };
    this.#lanes.add(lane);
    member.lane = lane;
    if (member.isPrepared) this.#serve(member, lane);
    this.#startMissing();
    return lane;
  }

  #serve(member: Member, { settings }: LaneState): void {
    member.process!.send({ type: "serve", settings });
    this.#expect(member, WELCOME_MS);
  }

  #startMissing(): void {
    if (this.#retry !== undefined || this.#ending.signal.aborted) return;
    let free = [...this.#members].filter(({ lane }) => lane === undefined).length;
    for (; free < this.#spares; free++) this.#startOne();
  }

  #startOne(): Member {
    const workerId = `${this.#options.id}-${++this.#count}`;
    const member: Member = {
      workerId,
      process: undefined,
      lane: undefined,
      isPrepared: false,
      deadline: undefined,
    };
    this.#members.add(member);
    void this.#start(member);
    return member;
  }

  async #start(member: Member): Promise<void> {
    const { target, memoryLimit, id } = this.#options;
    const { workerId } = member;
    // Its tasks may be of any run: who started it tells it from all others.
    const mark = { MUSTER_RUN_ID: `pool-${id}`, MUSTER_WORKER_ID: workerId };
    try {
      const listener = {
        heard: (message: FromLane) => this.#heard(member, message),
        printed: (line: string) => this.#printed(member, line),
        ended: (death: WorkerDeath) => this.#ended(member, death),
      };
      const how = { env: laneEnv(), mark };
      const process = await LaneProcess.start(how, listener, this.#ending.signal);
      member.process = process;
      this.#expect(member, BOOT_MS);
      const { address } = target;
      process.send({ type: "prepare", address, nats: natsEnv(target), workerId, mark, memoryLimit });
      if (this.#ending.signal.aborted) process.send({ type: "drain" });
    } catch (error) {
      this.#ended(member, { reason: toError(error).message, lastLines: [] });
    }
  }

  #heard(member: Member, message: FromLane): void {
    const { lane } = member;
    switch (message.type) {
      case "prepared":
        member.deadline?.cancel();
        member.isPrepared = true;
        this.#failures = 0;
        if (lane !== undefined) this.#serve(member, lane);
        return;
      case "ready":
        member.deadline?.cancel();
        lane!.isReady = true;
        this.#options.listener.ready(lane!);
        return;
      case "rested":
        // It may have been woken since.
        if (lane?.lease !== undefined && lane.turn === message.turn && message.turn > 0)
          this.#options.listener.rested(lane);
        return;
    }
  }

  #printed({ lane }: Member, line: string): void {
    const { listener } = this.#options;
    if (lane === undefined) listener.complain(line);
    else listener.printed(lane, line);
  }

  #ended(member: Member, death: WorkerDeath): void {
    if (!this.#members.delete(member)) return;
    member.deadline?.cancel();
    const { lane } = member;
    if (lane !== undefined) {
      this.#lanes.delete(lane);
      lane.kept?.cancel();
      if (death.exitCode !== WorkerExitCode.done)
        this.#options.listener.complain(
          `the lane ${lane.workerId}, which worked for the flow "${lane.flowName}" (${lane.runId}): ${death.reason}`,
        );
      this.#options.listener.ended(lane, death);
    }
    if (!member.isPrepared && !this.#ending.signal.aborted) this.#bootFailed(death);
    this.#startMissing();
    this.#checkEmpty();
  }

  #bootFailed({ reason }: WorkerDeath): void {
    const waitMs = Math.min(RETRY_MS * 2 ** this.#failures++, MAX_RETRY_MS);
    this.#options.listener.complain(`a lane could not start: ${reason}. Trying again in ${waitMs} ms.`);
    this.#retry ??= this.#options.clock.after(waitMs, () => {
      this.#retry = undefined;
      this.#startMissing();
    });
  }

  #checkEmpty(): void {
    if (this.#ending.signal.aborted && this.#members.size === 0) this.#empty.resolve();
  }

  #expect(member: Member, withinMs: number): void {
    member.deadline?.cancel();
    member.deadline = this.#options.clock.after(withinMs, () => member.process?.kill(), { keepAlive: false });
  }

  #send(lane: PoolLane, message: Parameters<LaneProcess["send"]>[0]): void {
    (lane as LaneState).member.process?.send(message);
  }
}

/** Of this worker's environment, what is for it alone. */
const OWN_VARIABLES =
  /^MUSTER_(NATS_.*|ADDRESS|TOKEN|CERTIFICATE|SECRET_FILE|ENGINE|THREADS|RESOURCES|MEMORY_LIMIT)$/;

/** What tasks may see of this worker's environment. */
function laneEnv(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !OWN_VARIABLES.test(name)));
}

/** A name that no other worker of a pool has: of its machine, and some letters and digits. */
export function poolWorkerId(host: string): string {
  const name = host
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return `${name.slice(0, 40) || "worker"}-${randomBytes(3).toString("hex")}`;
}
