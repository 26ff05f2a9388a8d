import { SimulatedClock } from "../base/clock.ts";
import type { MusterEvent } from "../contracts/event.ts";
import type {
  Demand,
  LaunchResult,
  RunInfo,
  WorkerDeath,
  WorkerId,
  WorkerLink,
  WorkerLinkEvent,
  WorkerObservation,
  WorkerProvider,
  WorkerSpec,
} from "../contracts/index.ts";
import { EventLog } from "../events/event-log.ts";
import { AsyncQueue, type ClusterSession, LineLog } from "./index.ts";

type Outcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly permanent?: boolean };

/** A provider of workers that exist in memory only, as a user could write it; a test says how they fare. */
export class ScriptedProvider implements WorkerProvider {
  readonly name = "scripted";
  readonly launched: WorkerSpec[] = [];
  readonly terminated: { readonly ids: readonly WorkerId[]; readonly graceMs: number }[] = [];
  readonly calls: string[] = [];
  /** What becomes of a request. */
  answer: (id: WorkerId) => Outcome | Promise<Outcome> = () => ({ ok: true });
  /** What terminating does; by default they end at once. */
  onTerminate: (ids: readonly WorkerId[]) => Promise<void> = async (ids) => {
    for (const id of ids) this.see({ id, phase: "ended", reason: "ended by SIGTERM", signal: "SIGTERM" });
  };
  onClose: () => Promise<void> = async () => undefined;
  onOpen: () => Promise<void> = async () => undefined;
  readonly #logs = new Map<WorkerId, LineLog>();
  #observations = new AsyncQueue<WorkerObservation>();

  async open(run: RunInfo): Promise<undefined> {
    this.calls.push(`open ${run.runId}`);
    await this.onOpen();
  }

  async launch(workers: readonly WorkerSpec[]): Promise<readonly LaunchResult[]> {
    this.calls.push(`launch ${workers.map(({ id }) => id).join(" ")}`);
    this.launched.push(...workers);
    return await Promise.all(workers.map(async ({ id }) => ({ id, ...(await this.answer(id)) })));
  }

  observe(signal: AbortSignal): AsyncIterable<WorkerObservation> {
    this.#observations = AsyncQueue.until(signal, () => this.calls.push("observed to the end"));
    return this.#observations;
  }

  async terminate(ids: readonly WorkerId[], { graceMs }: { readonly graceMs: number }): Promise<void> {
    this.calls.push(`terminate ${ids.join(" ")}`);
    this.terminated.push({ ids, graceMs });
    await this.onTerminate(ids);
  }

  logs(id: WorkerId, signal: AbortSignal): AsyncIterable<string> {
    return this.#log(id).follow(signal);
  }

  async close(): Promise<void> {
    this.calls.push("close");
    await this.onClose();
  }

  /** Something happens to a worker. */
  see(observation: WorkerObservation): void {
    if (observation.phase === "ended") this.#log(observation.id).end();
    this.#observations.push(observation);
  }

  /** A worker prints a line. */
  print(id: WorkerId, line: string): void {
    this.#log(id).append(line);
  }

  /** It tells nothing any more. */
  goBlind(): void {
    this.#observations.close();
  }

  #log(id: WorkerId): LineLog {
    const log = this.#logs.get(id) ?? new LineLog();
    this.#logs.set(id, log);
    return log;
  }
}

/** The side of an engine that a cluster sees. */
export class ScriptedLink implements WorkerLink {
  readonly endpoint = { address: "tcp://127.0.0.1:1", token: "secret" };
  readonly drained: WorkerId[] = [];
  readonly deaths = new Map<WorkerId, WorkerDeath>();
  readonly listeners = new Set<(event: WorkerLinkEvent) => void>();

  subscribe(listener: (event: WorkerLinkEvent) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  drain(id: WorkerId): void {
    this.drained.push(id);
  }

  reportDeath(id: WorkerId, death: WorkerDeath): void {
    this.deaths.set(id, death);
  }

  say(event: WorkerLinkEvent): void {
    for (const listener of this.listeners) listener(event);
  }
}

/** A run, in simulated time. */
export class ScriptedRun {
  readonly clock = new SimulatedClock();
  readonly link = new ScriptedLink();
  readonly events = new EventLog();
  readonly seen: MusterEvent[] = [];
  demand: Demand = { ready: 0, running: 0, unknown: 0, knownMs: 0, remainingMs: 0, open: true };

  /** Names of tasks. */
  waiting: readonly string[] = [];
  isCancelled = false;

  constructor() {
    this.events.subscribe((event) => this.seen.push(event));
  }

  get session(): ClusterSession {
    const { endpoint } = this.link;
    return {
      run: {
        runId: "run-1",
        flowName: "test",
        engine: endpoint,
        image: undefined,
        signal: new AbortController().signal,
      },
      link: this.link,
      events: this.events,
      demand: () => this.demand,
      waiting: () => this.waiting,
      isCancelled: () => this.isCancelled,
      clock: this.clock,
      deathTimeoutMs: 30_000,
      cancelGraceMs: 5_000,
      debug: false,
    };
  }

  /** Workers connect. */
  join(...ids: WorkerId[]): void {
    for (const id of ids)
      this.link.say({ type: "joined", id, slots: 1, resources: {}, pid: 1, host: "here" });
  }

  /** Lets everything happen that is due now. */
  async settle(): Promise<void> {
    await this.clock.advance(0);
  }
}
