import { MusterError } from "../base/errors.ts";
import type { RunningExecutor } from "../executor/running-executor.ts";
import type { Enclosure } from "./inner-runs.ts";
import { callInterruptibly, type Interrupt, onInterrupt, prepareForBusyLoop } from "./interrupts.ts";

export interface CancellationOptions {
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
  /** What the run is inside of. */
  readonly enclosures: readonly Enclosure[];
  /** Whether signals that ask the process to end cancel. */
  readonly handleSignals: boolean;
}

/** Code of the user's has so long to end once its run is cancelled, in milliseconds. */
const FLOW_GRACE_MS = 5000;

/** A wait for code of the user's. */
interface Wait {
  readonly end: (error: Error) => void;
  timer: NodeJS.Timeout | undefined;
}

/** What may end a run early: why it did, and how patiently. */
export class Cancellation {
  readonly #controller = new AbortController();
  readonly #endings: (() => void)[] = [];
  readonly #handlesSignals: boolean;
  readonly #waits = new Set<Wait>();
  #executor: RunningExecutor | undefined;
  #forced = false;
  #error: MusterError | undefined;
  /** Why the run was cancelled, once it was. */
  reason: string | undefined;

  constructor(options: CancellationOptions) {
    const { signal, enclosures, handleSignals } = options;
    this.#handlesSignals = handleSignals;
    const callers = signal && { signal, why: () => "the caller's signal was aborted" };
    for (const enclosure of [...enclosures, ...(callers ? [callers] : [])]) this.#endWith(enclosure);
    if (handleSignals) {
      const name = (interrupt: Interrupt): string => (interrupt === "SIGINT" ? "Ctrl-C" : interrupt);
      this.#endings.push(
        onInterrupt((interrupt, count) => this.#cancel(`${name(interrupt)} was received`, count > 1)),
      );
    }
  }

  /** Whether this is why something was not waited for any longer. */
  isCause(error: Error): boolean {
    return error === this.#error;
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

  /** `work`, or the error of the cancel when the run is cancelled and `work` has not ended some time after that. */
  async limit<T>(work: PromiseLike<T>): Promise<T> {
    const patience = Promise.withResolvers<never>();
    const wait: Wait = { end: patience.reject, timer: undefined };
    this.#waits.add(wait);
    if (this.#error !== undefined) this.#limit(wait, this.#error);
    try {
      return await Promise.race([work, patience.promise]);
    } finally {
      clearTimeout(wait.timer);
      this.#waits.delete(wait);
    }
  }

  /** For before code of the user's runs in this thread, and may keep it busy. */
  async prepareForBusyLoop(): Promise<void> {
    if (this.#handlesSignals) await prepareForBusyLoop();
  }

  /** Calls code of the user's, which may keep this thread busy from the first. */
  async call<T>(code: () => T): Promise<Awaited<T>> {
    return await (this.#handlesSignals ? callInterruptibly(code) : code());
  }

  #endWith({ signal, why }: Enclosure): void {
    const onAbort = (): void => this.#cancel(why());
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#endings.push(() => signal.removeEventListener("abort", onAbort));
  }

  close(): void {
    for (const end of this.#endings) end();
  }

  #limit(wait: Wait, error: MusterError): void {
    clearTimeout(wait.timer);
    wait.timer = setTimeout(() => wait.end(error), this.#forced ? 0 : FLOW_GRACE_MS);
  }

  get #grace(): { graceMs?: number } {
    return this.#forced ? { graceMs: 0 } : {};
  }

  #cancel(reason: string, force = false): void {
    if (this.#error !== undefined && (this.#forced || !force)) return;
    this.reason ??= reason;
    this.#forced = force;
    this.#error ??= new MusterError("CANCELLED", `The run was cancelled: ${this.reason}.`);
    this.#controller.abort(this.#error);
    this.#executor?.cancel(this.reason, this.#grace);
    for (const wait of this.#waits) this.#limit(wait, this.#error);
  }
}
