import { constants } from "node:os";
import { Worker } from "node:worker_threads";

/** An answer of the thread is waited for at most so many milliseconds; it starts in some 30, on a busy machine in more. */
const ANSWER_MS = 2000;
/** An event loop that has not heard of a signal after so many milliseconds is taken for deaf. */
const DEAF_MS = 1000;
/** What is done in the middle of the user's code may take so long, in milliseconds. */
const END_MS = 700;

/** Words of the memory that both threads see. */
const LISTENING = 0;
const HEARD = 1;
const HEARS = 2;

export interface SignalThreadOptions<Signal extends NodeJS.Signals> {
  readonly signals: readonly Signal[];
  /** The same signal twice within so many milliseconds is one. */
  readonly echoMs: number;
  /** Does what is to be done before the process ends; called in the middle of the user's code. */
  readonly endNow: (signal: Signal) => void;
}

/**
 * A thread that hears the signals of this process as well, for when its event loop does not, since code of the user's
 * keeps it busy: then the second signal ends the process from here. Costs some milliseconds, once a process.
 */
export class SignalThread<Signal extends NodeJS.Signals> {
  readonly #options: SignalThreadOptions<Signal>;
  readonly #words = new Int32Array(new SharedArrayBuffer(12));
  #thread: Worker | undefined;
  #ready: Promise<void> | undefined;
  #asked = 0;
  #answered: (answer: number) => void = () => {};

  constructor(options: SignalThreadOptions<Signal>) {
    this.#options = options;
  }

  /** Starts the thread, if there is none. Resolves when it hears, or takes too long for that. */
  start(): Promise<void> {
    this.#ready ??= this.#start();
    return this.#ready;
  }

  #start(): Promise<void> {
    const { signals, echoMs, endNow } = this.#options;
    const name = "muster.end-now/1";
    Object.defineProperty(globalThis, Symbol.for(name), { value: endNow, configurable: true });
    const data: ThreadData = {
      words: this.#words,
      asked: this.#asked,
      numbers: signals.map((signal) => [signal, constants.signals[signal]]),
      endNow: `globalThis[Symbol.for("${name}")]`,
      deafMs: DEAF_MS,
      endMs: END_MS,
      echoMs,
    };
    // As text: the thread needs no file, also where a program was bundled into one.
    this.#thread = new Worker(`(${hearSignals.toString()})(require)`, {
      eval: true,
      workerData: data,
      // Node tells threads of no signal, but its handle for them works in any thread.
      execArgv: ["--expose-internals", "--no-warnings"],
      env: {},
    });
    this.#thread.on("message", (answer: number) => this.#answered(answer));
    // Where that is not possible, the event loop alone hears signals.
    this.#thread.on("error", () => {
      this.#thread = undefined;
      this.#answered(this.#asked);
    });
    this.#thread.unref();
    return this.settled();
  }

  /** Whether it hears signals by now. */
  get hears(): boolean {
    return Atomics.load(this.#words, HEARS) === 1;
  }

  /** The event loop heard a signal: it does what is to be done. */
  heard(): void {
    Atomics.add(this.#words, HEARD, 1);
  }

  /** Nobody listens any more: a signal that comes now does what it does without us. */
  pause(): void {
    this.#listen(0);
  }

  resume(): void {
    this.#listen(1);
  }

  /** Resolves when the thread listens, or does not, as it was told last; or takes too long for that. */
  settled(): Promise<void> {
    if (this.#thread === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const patience = setTimeout(resolve, ANSWER_MS);
      this.#answered = (answer) => {
        if (answer < this.#asked) return;
        clearTimeout(patience);
        resolve();
      };
    });
  }

  #listen(listening: 0 | 1): void {
    Atomics.store(this.#words, LISTENING, listening);
    this.#thread?.postMessage(++this.#asked);
  }
}

interface ThreadData {
  readonly words: Int32Array;
  readonly asked: number;
  readonly numbers: readonly (readonly [signal: string, number: number])[];
  /** An expression that gives `endNow` in the main thread. */
  readonly endNow: string;
  readonly deafMs: number;
  readonly endMs: number;
  readonly echoMs: number;
}

/** Node's own handle of a signal. */
interface SignalHandle {
  onsignal: () => void;
  start(number: number): number;
  close(): void;
  unref(): void;
}

/** The thread's program. It travels as text: nothing around it is there. */
function hearSignals(require: NodeJS.Require): void {
  const { parentPort, workerData } = require("node:worker_threads") as typeof import("node:worker_threads");
  const { writeSync } = require("node:fs") as typeof import("node:fs");
  const { words, asked, numbers, endNow, deafMs, endMs, echoMs } = workerData as ThreadData;
  const bindings = "internal/test/binding";
  const internals = require(bindings) as { internalBinding(name: string): object };
  const { Signal } = internals.internalBinding("signal_wrap") as { Signal: new () => SignalHandle };
  let handles: SignalHandle[] = [];
  /** Signals that came here, and those that the event loop had heard before. */
  let came = 0;
  let heardBefore = 0;
  let counted = 0;
  let last: { signal: string; at: number } | undefined;

  const isListening = (): boolean => Atomics.load(words, 0) === 1;
  const isDeaf = (): boolean => Atomics.load(words, 1) - heardBefore < came;
  const look = (): void => {
    if (isListening() === handles.length > 0) return;
    for (const handle of handles) handle.close();
    came = counted = 0;
    last = undefined;
    heardBefore = Atomics.load(words, 1);
    handles = isListening() ? numbers.map(([signal, number]) => listen(signal, number)) : [];
    Atomics.store(words, 2, handles.length > 0 ? 1 : 0);
  };
  const listen = (signal: string, number: number): SignalHandle => {
    const handle = new Signal();
    handle.unref();
    handle.onsignal = () => hear(signal);
    handle.start(number);
    return handle;
  };
  const raise = (signal: string): void => {
    for (const handle of handles) handle.close();
    handles = [];
    process.kill(process.pid, signal);
  };
  const hear = (signal: string): void => {
    came++;
    if (!isListening()) {
      // It came between the end of the last run and now: here it did nothing to anybody.
      if (isDeaf()) raise(signal);
      return;
    }
    const now = performance.now();
    const isEcho = last?.signal === signal && now - last.at < echoMs;
    last = { signal, at: now };
    if (isEcho) return;
    counted++;
    if (counted === 1) setTimeout(sayThatItIsDeaf, deafMs);
    if (counted === 2) setTimeout(endDeaf, deafMs, signal);
  };
  const sayThatItIsDeaf = (): void => {
    if (!isListening() || !isDeaf() || counted > 1) return;
    try {
      writeSync(
        2,
        "muster: the flow keeps its thread busy and cannot be cancelled now; a second signal ends the process.\n",
      );
    } catch {
      // Nobody reads it.
    }
  };
  const endDeaf = (signal: string): void => {
    if (!isListening() || !isDeaf()) return;
    // Native code cannot be interrupted, nor can what is to be done before the end.
    setTimeout(() => process.kill(process.pid, "SIGKILL"), endMs);
    const { Session } = require("node:inspector") as typeof import("node:inspector");
    const session = new Session();
    session.connectToMainThread();
    session.post("Runtime.evaluate", { expression: `${endNow}("${signal}")` }, () => raise(signal));
  };

  const lookAndAnswer = async (asked: number): Promise<void> => {
    // A signal that is on its way would be lost with its handle.
    for (let turn = 0; turn < 2 && !isListening(); turn++) await new Promise((next) => setImmediate(next));
    look();
    parentPort!.postMessage(asked);
  };
  parentPort!.on("message", lookAndAnswer);
  void lookAndAnswer(asked);
}
