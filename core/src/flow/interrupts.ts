import { constants } from "node:os";
import { isatty } from "node:tty";
import { isMainThread } from "node:worker_threads";
import { exitPastThreads } from "../base/exit-past-threads.ts";
import { SignalThread } from "./signal-thread.ts";

/** What asks a process to end: Ctrl-C, `kill`, a terminal that was closed, and Ctrl-Break on Windows. */
const SIGNALS = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  ...(process.platform === "win32" ? (["SIGBREAK"] as const) : []),
] as const;
export type Interrupt = (typeof SIGNALS)[number];

/** `count` is 1 for the first signal since somebody began to listen. */
export type InterruptListener = (signal: Interrupt, count: number) => void;

/**
 * The same signal twice within so many milliseconds is one where npm started this program in a terminal: the terminal
 * sends Ctrl-C to all of its programs, and npm passes it on as well.
 */
const ECHO_MS = isatty(0) && "npm_lifecycle_event" in process.env ? 100 : 0;
/**
 * After the second signal the process ends within so many milliseconds, whatever it waits for. A run whose tasks are in
 * calls that nothing interrupts needs more than half of that to end them and say so.
 */
const FORCED_END_MS = 2000;

/** What came, since somebody began to listen. */
interface Received {
  readonly first: Interrupt;
  readonly last: Interrupt;
  readonly lastAt: number;
  readonly count: number;
  /** Handlers of the program's own heard it: what becomes of the process is their business. */
  readonly isForeign: boolean;
}

/**
 * The signals of this process while runs listen: one handler for any number of them. What a signal would have done to
 * the process is only put off: it is done when the last listener has left.
 */
class Interrupts {
  readonly #listeners = new Set<InterruptListener>();
  readonly #thread = new SignalThread({
    signals: SIGNALS,
    echoMs: ECHO_MS,
    endNow: (signal) => this.#prepareEnd(signal),
  });
  #received: Received | undefined;

  listen(listener: InterruptListener): () => void {
    if (this.#listeners.size === 0) this.#begin();
    this.#listeners.add(listener);
    // This process is about to end: what begins now ends as well.
    const received = this.#received;
    if (received?.isForeign === false) listener(received.first, received.count);
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) void this.#end();
    };
  }

  async prepareForBusyLoop(): Promise<void> {
    if (isMainThread && this.#listeners.size > 0) await this.#thread.start();
  }

  /** Calls code of the user's, which may keep the event loop busy before the thread hears: then a signal ends the process. */
  async call<T>(code: () => T): Promise<Awaited<T>> {
    if (this.#listeners.size === 0 || this.#thread.hears) return await code();
    // A signal that is on its way would be lost with the listener.
    await nextTurn();
    for (const signal of SIGNALS) process.off(signal, this.#hear);
    let result: T;
    try {
      result = code();
    } finally {
      this.#hearAll();
    }
    return await result;
  }

  #begin(): void {
    this.#hearAll();
    this.#thread.resume();
  }

  #hearAll(): void {
    // The first to be called: a handler that hears one signal only is still there then.
    for (const signal of SIGNALS) process.off(signal, this.#hear).prependListener(signal, this.#hear);
  }

  /** In the next turn of the event loop: a signal that is on its way is still heard, and the program sees the run's state. */
  async #end(): Promise<void> {
    await nextTurn();
    // What has begun since then was cancelled before it did anything.
    if (this.#received?.isForeign === false) await this.#passOn(this.#received.first);
    if (this.#listeners.size > 0) return;
    this.#received = undefined;
    this.#leave();
  }

  #leave(): void {
    for (const signal of SIGNALS) process.off(signal, this.#hear);
    this.#thread.pause();
  }

  readonly #hear = (name: NodeJS.Signals): void => {
    const signal = name as Interrupt;
    this.#thread.heard();
    const { first = signal, last, lastAt = 0, count: before = 0 } = this.#received ?? {};
    const now = performance.now();
    const isEcho = signal === last && now - lastAt < ECHO_MS;
    const count = isEcho ? before : before + 1;
    const isForeign =
      process.listenerCount(signal) - politeHandlers() > 1 || (this.#received?.isForeign ?? false);
    this.#received = { first, last: signal, lastAt: now, count, isForeign };
    if (isEcho) return;
    for (const listener of [...this.#listeners]) listener(signal, count);
    if (count > 1 && !isForeign) setTimeout(() => this.#endNow(signal), FORCED_END_MS);
  };

  /** Whatever threads do: one of a pool may be in a call that does not return. */
  #endNow(signal: Interrupt): void {
    exitPastThreads();
    process.exit(exitCodeOf(signal));
  }

  /** Does to the process what the signal would have done without us. */
  async #passOn(signal: Interrupt): Promise<void> {
    this.#leave();
    await this.#thread.settled();
    process.kill(process.pid, signal);
  }

  /** In the middle of whatever keeps the event loop busy: what an exit would do, and no handler of the signal any more. */
  #prepareEnd(signal: Interrupt): void {
    process.emit("exit", exitCodeOf(signal));
    process.removeAllListeners(signal);
  }
}

/** All copies of this module in one process share one. */
const KEY = Symbol.for("muster.interrupts/1");
const holder = globalThis as { [KEY]?: Interrupts };

/**
 * Calls back for each signal that asks this process to end, until the returned function is called. The process does not
 * end meanwhile, unless a second signal comes; once nobody listens any more, it does.
 */
export function onInterrupt(listener: InterruptListener): () => void {
  holder[KEY] ??= new Interrupts();
  return holder[KEY].listen(listener);
}

/** For before code of the user's runs, which may keep the event loop busy: a second signal ends the process even then. */
export async function prepareForBusyLoop(): Promise<void> {
  await holder[KEY]?.prepareForBusyLoop();
}

/** Calls code of the user's that may keep the event loop busy at once. */
export async function callInterruptibly<T>(code: () => T): Promise<Awaited<T>> {
  return await (holder[KEY] === undefined ? code() : holder[KEY].call(code));
}

/** What has come from outside by now has been taken in then. */
async function nextTurn(): Promise<void> {
  for (let times = 0; times < 2; times++) await new Promise((resolve) => setImmediate(resolve));
}

/** As shells say it: 130 for Ctrl-C. */
export function exitCodeOf(signal: Interrupt): number {
  return 128 + constants.signals[signal];
}

/** Handlers of the package signal-exit, which much of npm uses: they do nothing as long as there are others. */
function politeHandlers(): number {
  type Emitter = { readonly count?: number } | undefined;
  const third = (process as unknown as { __signal_exit_emitter__?: Emitter }).__signal_exit_emitter__;
  const fourth = (globalThis as { [key: symbol]: unknown })[Symbol.for("signal-exit emitter")] as Emitter;
  return (third?.count ?? 0) + (fourth?.count ?? 0);
}
