import { hostname } from "node:os";
import { type Clock, systemClock, type Timer } from "../base/clock.ts";
import type { WorkerSettings } from "../cluster/worker-env.ts";
import type { LogEvent } from "../events/event.ts";
import { removeBlobDirectory } from "../wire/blob-directory.ts";
import type { BlobPiece } from "../wire/blob-transfer.ts";
import type { Channel } from "../wire/channel.ts";
import {
  type CancelMessage,
  type CodeMessage,
  type DefineMessage,
  FrameType,
  type HelloMessage,
  packMessage,
  type RecallMessage,
  unpackMessage,
  type WelcomeMessage,
} from "../wire/protocol.ts";
import type { DriverPulse } from "./driver-pulse.ts";
import { DriverWatch } from "./driver-watch.ts";
import { WorkerExitCode } from "./exit-code.ts";
import { Lanes } from "./lanes.ts";
import { WorkerBlobs } from "./worker-blobs.ts";

export interface WorkerOptions {
  readonly settings: WorkerSettings;
  /** The engine's directory, where its address says so: a driver that was killed cannot remove it. */
  readonly engineDirectory?: string | undefined;
  /** Opens the connection to the engine. Called once. */
  readonly connect: (listener: {
    frame(type: number, body: Buffer): void;
    closed(error?: Error): void;
  }) => Channel;
  /**
   * How to tell whether a silent driver lives. Undefined where the connection itself ends with the driver: then
   * nothing else is looked at.
   */
  readonly pulse: DriverPulse | undefined;
  /** Called once, with the worker's exit code and the reason when it is not 0. */
  readonly ended: (code: number, reason?: string) => void;
  readonly clock?: Clock;
}

/** What tasks printed has so long to arrive before a worker ends, in milliseconds. */
const FLUSH_MS = 500;
/** How often a draining worker looks whether its last task ended, in milliseconds. */
const DRAIN_CHECK_MS = 5;
/** Who started this process; another one adopts it when that one ends. */
const PARENT = process.ppid;

/**
 * The main thread of a worker process: it talks to the engine and never runs user code. Threads start before the
 * engine is reached, so that booting costs the longer of the two and not their sum.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #clock: Clock;
  readonly #lanes: Lanes;
  readonly #channel: Channel;
  #blobs: WorkerBlobs | undefined;
  readonly #watch: DriverWatch | undefined;
  #heartbeat: Timer | undefined;
  #askedToDrain = false;
  #draining = false;
  #leaving = false;
  #ended = false;

  constructor(options: WorkerOptions) {
    const { settings } = options;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#lanes = new Lanes({
      workerId: settings.workerId,
      threads: settings.threads,
      tasksPerThread: settings.tasksPerThread,
      memoryLimit: settings.memoryLimit,
      cancelGraceMs: settings.cancelGraceMs,
      sink: {
        reports: (body) => this.#channel.send(FrameType.reports, body),
        started: (ids) => this.#send(FrameType.started, { ids }),
        returned: (lane, ids) => this.#send(FrameType.returned, { lane, ids }),
        log: (event) => this.#log(event),
        broken: (reason) => this.#end(WorkerExitCode.broken, { reason }),
        fetchBlob: (id) => this.#blobs!.fetch(id),
        storeBlob: (id) => this.#blobs!.store(id),
      },
    });
    this.#channel = options.connect({
      frame: (type, body) => this.#receive(type, body),
      closed: (error) => void this.#lostEngine(error?.message ?? "the engine closed the connection"),
    });
    this.#watch = options.pulse && this.#watchDriver(options.pulse);
    this.#send(FrameType.hello, {
      workerId: settings.workerId,
      node: process.version,
      pid: process.pid,
      host: hostname(),
      threads: settings.threads,
      tasksPerThread: settings.tasksPerThread,
      resources: settings.resources,
    } satisfies HelloMessage);
  }

  /**
   * Asks to leave: hands back what has not started, finishes what has, and goes. The engine answers in the order of
   * its tasks, so that none is on its way here when this worker is gone.
   */
  drain(): void {
    if (this.#askedToDrain) return;
    this.#askedToDrain = true;
    this.#send(FrameType.draining, {});
  }

  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    for (let lane = 0; lane < this.#options.settings.threads; lane++) {
      this.#lanes.recall(lane, Number.MAX_SAFE_INTEGER);
    }
    this.#leaveWhenIdle();
  }

  #watchDriver(pulse: DriverPulse): DriverWatch {
    const { deathTimeoutMs } = this.#options.settings;
    const reason = `the driver gave no sign of life for ${deathTimeoutMs} ms`;
    const lost = (): void => void this.#lostEngine(reason);
    return new DriverWatch({ clock: this.#clock, deathTimeoutMs, pulse, lost });
  }

  #leaveWhenIdle(): void {
    if (!this.#lanes.isIdle) {
      this.#clock.after(DRAIN_CHECK_MS, () => this.#leaveWhenIdle());
      return;
    }
    this.#send(FrameType.goodbye, { reason: "drained" });
    void this.#channel.drained().then(() => this.#leave());
  }

  /** Ends in peace: what tasks printed arrives first. */
  async #leave(): Promise<void> {
    this.#leaving = true;
    await this.#lanes.flush(FLUSH_MS);
    this.#end(WorkerExitCode.done);
  }

  #receive(type: number, body: Buffer): void {
    this.#watch?.heard();
    switch (type) {
      case FrameType.tasks:
        this.#lanes.run(body);
        return;
      case FrameType.welcome:
        this.#welcome(unpackMessage<WelcomeMessage>(body));
        return;
      case FrameType.code:
        this.#lanes.addCode(unpackMessage<CodeMessage>(body));
        return;
      case FrameType.define:
        this.#lanes.define(unpackMessage<DefineMessage>(body));
        return;
      case FrameType.cancel: {
        const { id, attempt, graceMs } = unpackMessage<CancelMessage>(body);
        this.#lanes.cancel(id, attempt, graceMs);
        return;
      }
      case FrameType.recall: {
        const { lane, count } = unpackMessage<RecallMessage>(body);
        this.#lanes.recall(lane, count);
        return;
      }
      case FrameType.blobData:
        void this.#blobs?.received(unpackMessage<BlobPiece>(body));
        return;
      case FrameType.blobStored:
        this.#blobs?.stored(unpackMessage<{ id: string }>(body).id);
        return;
      case FrameType.blobForget:
        void this.#blobs?.forget(unpackMessage<{ ids: string[] }>(body).ids);
        return;
      case FrameType.drain:
        this.#drain();
        return;
      case FrameType.shutdown:
        void this.#leave();
        return;
      case FrameType.ping:
        return;
    }
  }

  #welcome(message: WelcomeMessage): void {
    this.#beat(message.heartbeatMs);
    this.#blobs = WorkerBlobs.open(this.#channel, message.blobs);
    this.#lanes.startRun(message.run, this.#blobs);
  }

  #beat(everyMs: number): void {
    this.#heartbeat = this.#clock.after(everyMs, () => {
      this.#channel.send(FrameType.heartbeat);
      this.#beat(everyMs);
    });
  }

  #log(event: LogEvent): void {
    this.#send(FrameType.log, { events: [event] });
  }

  #send(type: number, message: unknown): void {
    this.#channel.send(type, packMessage(message));
  }

  async #lostEngine(reason: string): Promise<void> {
    if (this.#ended || this.#leaving) return;
    // A driver that was killed leaves its blobs behind: its workers are the last who can remove them.
    const engineGone = this.#watch === undefined ? process.ppid !== PARENT : await this.#watch.isDriverGone();
    this.#end(WorkerExitCode.engineLost, { reason, engineGone });
  }

  #end(code: number, { reason, engineGone = false }: { reason?: string; engineGone?: boolean } = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watch?.close();
    this.#heartbeat?.cancel();
    this.#channel.end();
    this.#blobs?.close({ engineGone });
    // Nobody but its workers can remove what a killed driver left, and this one had not even been told where it is.
    const { engineDirectory } = this.#options;
    if (engineGone && this.#blobs === undefined && engineDirectory !== undefined)
      removeBlobDirectory(engineDirectory);
    this.#options.ended(code, reason);
  }
}
