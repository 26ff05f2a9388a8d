import { type Clock, systemClock } from "../base/clock.ts";
import { withDeadline } from "../base/wait.ts";
import type { WorkerId, WorkerObservation, WorkerProvider } from "../contracts/provider.ts";
import { AsyncQueue } from "./async-queue.ts";
import type { LineLog } from "./line-log.ts";

/** Ended workers whose last lines are kept. */
const MAX_REMEMBERED = 100;

/** A worker as the provider that started it holds it: a process, a container, a remote command. */
export interface StartedWorker {
  readonly id: WorkerId;
  /** What it prints. The provider appends the lines, and ends it after the last. */
  readonly log: LineLog;
  /** Settles with how it ended, when it did and its last line is in the log, or will not come. Never rejects. */
  readonly ended: Promise<WorkerObservation>;
  /** Asks it to finish and leave, as SIGTERM does. Called at most once; what it returns is not waited for. */
  askToLeave(): unknown;
  /** Ends it, as SIGKILL does. May be called again. What it returns is waited for, and may reject: it could not be ended. */
  kill(): unknown;
}

/**
 * The workers that a provider started itself and learns the end of. It is what such a provider can answer `observe`,
 * `terminate` and `logs` with:
 * ```ts
 * class MyProvider implements WorkerProvider {
 *   readonly name = "mine";
 *   readonly #workers = new StartedWorkers();
 *   async launch(specs: readonly WorkerSpec[]) {
 *     for (const spec of specs) this.#workers.add(new MyWorker(spec));
 *     return specs.map(({ id }) => ({ id, ok: true as const }));
 *   }
 *   observe(signal: AbortSignal) { return this.#workers.observe(signal); }
 *   terminate(ids: readonly WorkerId[], options: { graceMs: number }) { return this.#workers.terminate(ids, options); }
 *   logs(id: WorkerId, signal: AbortSignal) { return this.#workers.logs(id, signal); }
 * }
 * ```
 */
export class StartedWorkers<W extends StartedWorker = StartedWorker>
  implements Pick<WorkerProvider, "observe" | "terminate" | "logs">
{
  readonly #clock: Clock;
  readonly #running = new Map<WorkerId, W>();
  /** The last that ended, oldest first. */
  readonly #ended = new Map<WorkerId, W>();
  readonly #asked = new WeakSet<W>();
  /** Also those that came before somebody observes. */
  readonly #observations = new AsyncQueue<WorkerObservation>();

  /** @param clock what a grace is measured with */
  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** From now on it is one of them, and its end will be told. */
  add(worker: W): void {
    this.#running.set(worker.id, worker);
    void worker.ended.then((end) => {
      if (!this.#running.delete(worker.id)) return;
      this.#ended.set(worker.id, worker);
      if (this.#ended.size > MAX_REMEMBERED) this.#ended.delete(this.#ended.keys().next().value!);
      this.#observations.push(end);
    });
  }

  /** It is none of them: for one whose start fails, which `launch` tells of. */
  drop(id: WorkerId): void {
    this.#running.delete(id);
  }

  /** Tells whoever observes: that a worker runs, or what it waits for. */
  tell(observation: WorkerObservation): void {
    this.#observations.push(observation);
  }

  /** One that has not ended. */
  get(id: WorkerId): W | undefined {
    return this.#running.get(id);
  }

  /** Those that have not ended. */
  get running(): readonly W[] {
    return [...this.#running.values()];
  }

  /** What was told of all of them, from the beginning on, until `signal` fires. To be called once. */
  observe(signal: AbortSignal): AsyncIterable<WorkerObservation> {
    const stop = (): void => this.#observations.close();
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    return this.#observations;
  }

  /**
   * Asks them to leave, and ends those that have not after `graceMs`; with 0 at once. Returns when all have ended and
   * `observe` has told how. Asked again with a shorter grace, the earlier end counts.
   */
  async terminate(ids: readonly WorkerId[], { graceMs }: { readonly graceMs: number }): Promise<void> {
    await Promise.all(ids.map((id) => this.#terminate(this.#running.get(id), graceMs)));
  }

  /** What a worker prints, from the first line that is kept on; also when it has ended. */
  logs(id: WorkerId, signal: AbortSignal): AsyncIterable<string> {
    const worker = this.#running.get(id) ?? this.#ended.get(id);
    return worker?.log.follow(signal) ?? AsyncQueue.until<string>(AbortSignal.abort());
  }

  async #terminate(worker: W | undefined, graceMs: number): Promise<void> {
    if (worker === undefined) return;
    if (graceMs > 0) {
      this.#askToLeave(worker);
      const grace = { timeoutMs: graceMs, clock: this.#clock };
      await withDeadline(worker.ended, `The end of ${worker.id}`, grace).catch(() => undefined);
    }
    if (this.#running.has(worker.id)) await worker.kill();
    await worker.ended;
  }

  #askToLeave(worker: W): void {
    if (this.#asked.has(worker)) return;
    this.#asked.add(worker);
    // One that cannot be asked is ended after its grace, like one that does not listen.
    void (async () => worker.askToLeave())().catch(() => undefined);
  }
}
