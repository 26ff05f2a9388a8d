import { constants } from "node:os";
import { type Duplex, Writable } from "node:stream";
import {
  LineLog,
  LineSplitter,
  type StartedWorker,
  type WorkerId,
  type WorkerObservation,
} from "@muster/core";
import type Docker from "dockerode";
import { askEngine } from "./ask-engine.ts";
import { isGone } from "./engine-errors.ts";
import type { ContainerEvent } from "./engine-events.ts";
import { putLease, type Renewal } from "./lease-file.ts";

/** Milliseconds after the end of its process that a container has to be gone: then its end is told all the same. */
const GONE_MS = 2000;
/** Milliseconds after its end that its last output has to arrive. */
const LAST_OUTPUT_MS = 500;

/** What V8 prints before it aborts. */
const HEAP_EXHAUSTED = /heap out of memory|Reached heap limit|Allocation failed/;

/** What the engine's init process prints when it does not find the program. */
const NO_NODE = /exec node failed: No such file/;

export interface WorkerContainerOptions {
  readonly engine: Docker;
  readonly containerId: string;
  /** Its limit, in bytes. */
  readonly memory?: number | undefined;
  /** Milliseconds that the engine has to do something with it. */
  readonly timeoutMs: () => number;
}

/** One worker's container, from its creation to its removal, which the engine does by itself when it ends. */
export class WorkerContainer implements StartedWorker {
  readonly id: WorkerId;
  readonly log = new LineLog();
  /** Settles when it ended, for whatever reason. */
  readonly ended: Promise<WorkerObservation>;
  readonly #engine: Docker;
  /** In the engine's own words. */
  readonly containerId: string;
  readonly #timeoutMs: () => number;
  readonly #memory: number | undefined;
  readonly #end = Promise.withResolvers<WorkerObservation>();
  #exitCode: number | undefined;
  #outOfMemory = false;
  /** Its end was asked for. */
  #asked = false;
  #output: Duplex | undefined;
  #isOver = false;

  constructor(id: WorkerId, options: WorkerContainerOptions) {
    this.id = id;
    this.#engine = options.engine;
    this.containerId = options.containerId;
    this.#timeoutMs = options.timeoutMs;
    this.#memory = options.memory;
    this.ended = this.#end.promise;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Runs it, with something to read, and with its output caught from the first byte on. */
  async start(input: Buffer): Promise<void> {
    const all = { stream: true, hijack: true, stdin: true, stdout: true, stderr: true };
    const stream = await this.#ask("attach to", (container) => container.attach(all));
    this.#catchOutput(stream as unknown as Duplex);
    stream.write(input);
    await this.#ask("start", (container) => container.start());
  }

  /** Gives it more to read. */
  write(input: string): void {
    this.#output?.write(input);
  }

  /** Takes in what the engine says of it. */
  saw({ action, exitCode }: ContainerEvent): void {
    switch (action) {
      case "oom":
        this.#outOfMemory = true;
        break;
      case "die":
        this.#exitCode = exitCode;
        setTimeout(() => this.over(), GONE_MS).unref();
        break;
      case "destroy":
        this.over();
        break;
    }
  }

  async askToLeave(): Promise<void> {
    this.#asked = true;
    await this.#ask("signal", (container) => container.kill({ signal: "SIGTERM" }));
  }

  /** Removes it, whatever state it is in. */
  async kill(): Promise<void> {
    this.#asked = true;
    try {
      await this.#ask("remove", (container) => container.remove({ force: true, v: true }));
    } catch (error) {
      if (!isGone(error)) throw error;
    }
    // The engine may be about to say how it ended; if not, nobody will.
    setTimeout(() => this.over(), LAST_OUTPUT_MS).unref();
  }

  async renewLease(renewal: Renewal): Promise<void> {
    if (!this.#isOver) await this.#ask("mark", (container) => putLease(container, renewal));
  }

  /** It does not exist any more. */
  over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // Its output has its end as well, or, when the connection hangs, soon.
    setTimeout(() => this.#closeOutput(), LAST_OUTPUT_MS).unref();
    this.#end.resolve(this.#observation());
  }

  #ask<T>(verb: string, question: (container: Docker.Container) => Promise<T>): Promise<T> {
    const { containerId } = this;
    const what = `${verb} the container ${containerId.slice(0, 12)}`;
    const asked = (docker: Docker) => question(docker.getContainer(containerId));
    return askEngine(this.#engine, what, asked, { timeoutMs: this.#timeoutMs() });
  }

  #catchOutput(stream: Duplex & { unref?(): void }): void {
    this.#output = stream;
    stream.unref?.();
    const splitters = [0, 1].map(() => new LineSplitter((line) => this.log.append(line)));
    const [stdout, stderr] = splitters.map(
      (splitter) =>
        new Writable({
          write(chunk: Buffer, _encoding, done) {
            splitter.write(chunk);
            done();
          },
        }),
    );
    this.#engine.modem.demuxStream(stream, stdout!, stderr!);
    let isClosed = false;
    const end = (): void => {
      if (isClosed) return;
      isClosed = true;
      for (const splitter of splitters) splitter.end();
      this.log.end();
    };
    stream.on("end", end);
    stream.on("close", end);
    stream.on("error", end);
  }

  #closeOutput(): void {
    this.#output?.destroy();
    this.log.end();
  }

  #observation(): WorkerObservation {
    const { id } = this;
    const exitCode = this.#exitCode;
    if (exitCode === undefined)
      return { id, phase: "ended", reason: this.#asked ? "it was removed" : "its container is gone" };
    if (exitCode === 127 && this.log.last(5).some((line) => NO_NODE.test(line))) {
      const reason = "its image has no Node, which a worker needs (22 or newer)";
      return { id, phase: "ended", reason, exitCode, permanent: true };
    }
    const signal = signalOf(exitCode);
    const heap = exitCode === 134 && this.log.last(50).some((line) => HEAP_EXHAUSTED.test(line));
    const outOfMemory = heap || (this.#outOfMemory && exitCode !== 0);
    return {
      id,
      phase: "ended",
      reason: this.#reason(exitCode, signal, heap),
      exitCode,
      signal,
      outOfMemory,
    };
  }

  #reason(exitCode: number, signal: string | undefined, heap: boolean): string {
    const how = signal === undefined ? `exit code ${exitCode}` : `ended by ${signal} (exit code ${exitCode})`;
    if (heap) return `${how}: out of memory, its heap was exhausted`;
    if (this.#outOfMemory && exitCode !== 0) {
      const limit =
        this.#memory === undefined ? "memory of its machine" : `limit of ${mebibytes(this.#memory)}`;
      return `${how}: OOMKilled, it wanted more memory than the ${limit}`;
    }
    return signal === "SIGKILL" && !this.#asked ? `${how}, not by Muster` : how;
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** A process that a signal ended has the exit code 128 and the signal's number. */
function signalOf(exitCode: number): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
}
