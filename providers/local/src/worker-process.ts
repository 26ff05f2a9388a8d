import {
  type Ancestor,
  endDescendantsSoon,
  killGroup,
  LineLog,
  LineSplitter,
  type RunningProgram,
  type StartedWorker,
  WorkerExitCode,
  type WorkerId,
  type WorkerObservation,
  type WorkerSpec,
  workerMark,
} from "@muster/core";

/** Milliseconds after its end that a process's output has to arrive: what it started may hold the pipe open. */
const LAST_OUTPUT_MS = 500;

/** What a worker prints before it ends itself like that. */
const KILLED_ITSELF = /this process ends with SIGKILL/;

/** What V8 prints before it aborts. */
const HEAP_EXHAUSTED = /heap out of memory|Reached heap limit|Allocation failed/;

/** One worker, as a process of this machine and a group of its own. */
export class WorkerProcess implements StartedWorker {
  readonly id: WorkerId;
  readonly log = new LineLog();
  /** Settles when it ended and all that it printed has arrived. */
  readonly ended: Promise<WorkerObservation>;
  /** Itself, and what its tasks start. */
  readonly ancestor: Ancestor;
  readonly #child: RunningProgram;
  readonly #memoryLimit: number | undefined;
  #exited = false;
  #forced = false;

  /** @param child the head of a process group */
  constructor(spec: WorkerSpec, child: RunningProgram) {
    this.id = spec.id;
    this.#memoryLimit = spec.memoryLimit;
    this.ancestor = { pid: child.pid, mark: workerMark(spec.env) };
    this.#child = child;
    this.ended = this.#watch();
  }

  askToLeave(): void {
    this.#child.kill("SIGTERM");
  }

  /** Ends it now, with all that it started. */
  kill(): void {
    if (this.#exited) return;
    this.#forced = true;
    void endDescendantsSoon(this.ancestor);
  }

  async #watch(): Promise<WorkerObservation> {
    const child = this.#child;
    const output = [child.stdout, child.stderr].map((stream) => {
      const splitter = new LineSplitter((line) => this.log.append(line));
      stream.on("data", (bytes: Buffer) => splitter.write(bytes));
      return splitter;
    });
    const closed = new Promise((resolve) => child.once("close", resolve));
    const { exitCode, signal } = await new Promise<{
      exitCode: number | null;
      signal: NodeJS.Signals | null;
    }>((resolve) => child.once("exit", (exitCode, signal) => resolve({ exitCode, signal })));
    this.#exited = true;
    // One that ends in peace has ended what its tasks started, as far as it knows of it.
    if (exitCode === WorkerExitCode.done) killGroup(this.ancestor);
    else await endDescendantsSoon(this.ancestor);
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, LAST_OUTPUT_MS).unref())]);
    for (const splitter of output) splitter.end();
    child.stdout.destroy();
    child.stderr.destroy();
    this.log.end();
    return this.#observation(exitCode ?? undefined, signal ?? undefined);
  }

  /** V8 may end the whole process when a thread grows fast: the limit was the thread's all the same. */
  get #limit(): string {
    return this.#memoryLimit === undefined
      ? ""
      : `; memoryLimit is ${Math.floor(this.#memoryLimit / 2 ** 20)} MiB a thread`;
  }

  #observation(exitCode: number | undefined, signal: NodeJS.Signals | undefined): WorkerObservation {
    const aborted = signal === "SIGABRT" || exitCode === 134;
    const outOfMemory = aborted && this.log.last(50).some((line) => HEAP_EXHAUSTED.test(line));
    const how = signal === undefined ? `exit code ${exitCode}` : `ended by ${signal}`;
    const hint = outOfMemory
      ? ` (out of memory: a heap was exhausted${this.#limit})`
      : signal === "SIGKILL" && !this.#forced && !this.log.last(5).some((line) => KILLED_ITSELF.test(line))
        ? " (not by Muster: by a person, or by the system when memory ran out)"
        : "";
    return { id: this.id, phase: "ended", reason: `${how}${hint}`, exitCode, signal, outOfMemory };
  }
}
