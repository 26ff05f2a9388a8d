import { MusterError } from "../base/errors.ts";
import type { RunningExecutor } from "../executor/running-executor.ts";
import type { Enclosure } from "./inner-runs.ts";
import { type Interrupt, onInterrupt } from "./interrupts.ts";

export interface CancellationOptions {
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
  /** What the run is inside of. */
  readonly enclosures: readonly Enclosure[];
  /** Whether Ctrl-C and SIGTERM cancel. */
  readonly handleSignals: boolean;
}

/** A flow's own function has so long to end once its run is cancelled, in milliseconds. */
const FLOW_GRACE_MS = 5000;

/** What may end a run early: why it did, and how patiently. */
export class Cancellation {
  readonly #controller = new AbortController();
  readonly #endings: (() => void)[] = [];
  readonly #outOfPatience = Promise.withResolvers<never>();
  #executor: RunningExecutor | undefined;
  #forced = false;
  #patience: NodeJS.Timeout | undefined;
  /** Why the run was cancelled, once it was. */
  reason: string | undefined;

  constructor(options: CancellationOptions) {
    // Whoever waits for the flow hears of it; by then it may have ended.
    this.#outOfPatience.promise.catch(() => {});
    const { signal, enclosures } = options;
    const callers = signal && { signal, why: () => "the caller's signal was aborted" };
    for (const enclosure of [...enclosures, ...(callers ? [callers] : [])]) this.#endWith(enclosure);
    if (options.handleSignals) {
      const name = (interrupt: Interrupt): string => (interrupt === "SIGINT" ? "Ctrl-C" : interrupt);
      this.#endings.push(
        onInterrupt((interrupt, count) => this.#cancel(`${name(interrupt)} was received`, count > 1)),
      );
    }
  }

  /** What `context.signal` is in the flow. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on there are tasks to end. */
  set executor(executor: RunningExecutor) {
    this.#executor = executor;
    if (this.reason !== undefined) executor.cancel(this.reason, this.#grace);
  }

  /** `work`, or an error when the run was cancelled and `work` does not end soon after. */
  limit<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#outOfPatience.promise]);
  }

  #endWith({ signal, why }: Enclosure): void {
    const onAbort = (): void => this.#cancel(why());
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#endings.push(() => signal.removeEventListener("abort", onAbort));
  }

  close(): void {
    clearTimeout(this.#patience);
    for (const end of this.#endings) end();
  }

  get #grace(): { graceMs?: number } {
    return this.#forced ? { graceMs: 0 } : {};
  }

  #cancel(reason: string, force = false): void {
    this.reason ??= reason;
    this.#forced ||= force;
    const error = new MusterError("CANCELLED", `The run was cancelled: ${this.reason}.`);
    this.#controller.abort(error);
    this.#executor?.cancel(this.reason, this.#grace);
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#outOfPatience.reject(error), this.#forced ? 0 : FLOW_GRACE_MS);
  }
}
