import { hostname } from "node:os";
import { type Clock, systemClock, type Timer } from "../base/clock.ts";
import { endDescendantsFirst, hasHadChildren, type Mark } from "../base/descendants.ts";
import { withDeadline } from "../base/wait.ts";
import type { LogEvent } from "../contracts/event.ts";
import { type WorkerSettings, workerEnv, workerMark } from "../contracts/worker-env.ts";
import { WorkerExitCode } from "../contracts/worker-exit-code.ts";
import { allPrinted, PRINT_MS } from "../thread/thread-output.ts";
import { removeBlobDirectory } from "../wire/blob-directory.ts";
import type { BlobPiece } from "../wire/blob-transfer.ts";
import type { Channel } from "../wire/channel.ts";
import { packMessage, unpackMessage } from "../wire/message.ts";
import {
  type CancelMessage,
  type CodeMessage,
  type DefineMessage,
  FrameType,
  type HelloMessage,
  type LogMessage,
  packLaneReports,
  type RecallMessage,
  type RestMessage,
  type WelcomeMessage,
} from "../wire/protocol.ts";
import type { DriverPulse } from "./driver-pulse.ts";
import { DriverWatch } from "./driver-watch.ts";
import type { BlobKeeper, EngineWay } from "./engine-way.ts";
import { Lanes, type LanesOptions } from "./lanes.ts";
import { PrintLog } from "./print-log.ts";

export interface WorkerOptions {
  readonly settings: WorkerSettings;
  readonly way: EngineWay;
  /** Called once. */
  readonly ended: (end: WorkerEnd) => void;
  readonly clock?: Clock;
  /** It works for several runs by turns, each in a process of its own, and begins at rest. */
  readonly turns?: WorkerTurns | undefined;
  /** Gives the task threads. @default starts them */
  readonly lanes?: ((options: LanesOptions) => Lanes) | undefined;
  /** What all that its tasks start inherits. @default its run and its name */
  readonly mark?: Mark | undefined;
}

/** Who hears how a worker of a shared pool fares. */
export interface WorkerTurns {
  /** The engine has welcomed it: it could wake. */
  ready(): void;
  /** Nothing of its run is there any more. */
  rested(turn: number): void;
}

export interface WorkerEnd {
  readonly code: number;
  /** Why, when the code is not 0. */
  readonly reason: string | undefined;
  /** A thread could not be ended, and keeps the process from exiting by itself. */
  readonly isStuck: boolean;
}

/** When a thread cannot be ended, what runs in others has so long to end before their process does, in milliseconds. */
const NEIGHBOURS_MS = 1000;
/** The last words have so long to leave, in milliseconds. */
const GOODBYE_MS = 500;

/**
 * The main thread of a worker process: it never runs user code, and can therefore answer for the threads that do. Tasks
 * and their ends are none of its business: each task thread has a lane of its own, whichever way that goes. Threads start
 * before the engine is reached, so that booting costs the longer of the two and not their sum.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #mark: Mark;
  readonly #clock: Clock;
  readonly #lanes: Lanes;
  readonly #channel: Channel;
  #blobs: BlobKeeper | undefined;
  readonly #watch: DriverWatch | undefined;
  readonly #prints: PrintLog | undefined;
  /** How often it has been awake. */
  #turn = 0;
  #heartbeat: Timer | undefined;
  #neighbours: Timer | undefined;
  #askedToDrain = false;
  #draining = false;
  #leaving = false;
  #ended = false;

  constructor(options: WorkerOptions) {
    const { settings, way, turns } = options;
    this.#options = options;
    // Whoever started it serves several runs, and its output is none of theirs.
    this.#prints = turns && new PrintLog(settings.workerId, (events) => this.#log(events));
    this.#mark = options.mark ?? workerMark(workerEnv(settings));
    this.#clock = options.clock ?? systemClock;
    const lanes = options.lanes ?? ((wanted) => new Lanes(wanted));
    this.#lanes = lanes({
      workerId: settings.workerId,
      mark: this.#mark,
      ownsProcess: true,
      threads: settings.threads,
      tasksPerThread: settings.tasksPerThread,
      memoryLimit: settings.memoryLimit,
      cancelGraceMs: settings.cancelGraceMs,
      link: (lane) => way.threadLink(lane),
      print: this.#prints?.print,
      sink: {
        started: (ids) => this.#send(FrameType.started, { ids }),
        returned: (message) => this.#send(FrameType.returned, message),
        reports: (lane, body) => this.#channel.send(FrameType.laneReports, ...packLaneReports(lane, body)),
        ended: (message) => {
          way.laneEnded(message.lane);
          this.#send(FrameType.laneEnded, message);
        },
        broken: (reason) => void this.#end(WorkerExitCode.broken, { reason }),
        stuck: () => this.#leaveStuck(),
        fetchBlob: (id) => this.#blobs!.fetch(id),
        storeBlob: (id) => this.#blobs!.store(id),
      },
    });
    this.#channel = way.connect({
      frame: (type, body) => this.#receive(type, body),
      closed: (error) => void this.#lostEngine(error?.message ?? "the engine closed the connection"),
    });
    this.#watch = way.pulse && this.#watchDriver(way.pulse);
    this.#send(FrameType.hello, {
      workerId: settings.workerId,
      node: process.version,
      pid: process.pid,
      host: hostname(),
      threads: settings.threads,
      tasksPerThread: settings.tasksPerThread,
      resources: settings.resources,
      isResting: turns !== undefined,
    } satisfies HelloMessage);
  }

  /**
   * Asks to leave. The engine sends nothing more, takes back what has not begun and answers: then this worker finishes
   * what has, and goes.
   */
  drain(): void {
    if (this.#askedToDrain) return;
    this.#askedToDrain = true;
    this.#send(FrameType.draining, {});
  }

  /** Asks to work no more for now; `rested` tells when nothing of its run is left here. */
  rest(): void {
    this.#send(FrameType.resting, { turn: this.#turn } satisfies RestMessage);
  }

  /** Works on. */
  wake(): void {
    this.#turn++;
    this.#send(FrameType.awake, { turn: this.#turn } satisfies RestMessage);
  }

  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    await this.#lanes.leave();
    this.#prints?.flush();
    this.#send(FrameType.goodbye, { reason: "drained" });
    const goodbye = this.#channel.drained();
    await withDeadline(goodbye, "The goodbye", { timeoutMs: GOODBYE_MS }).catch(() => undefined);
    await this.#leave();
  }

  /**
   * A thread is in a call of native code, and ends with its process alone: the others' tasks are handed back as when it
   * drains, and those that do not end soon are ended with it.
   */
  #leaveStuck(): void {
    this.drain();
    this.#neighbours ??= this.#clock.after(NEIGHBOURS_MS, () => {
      this.#lanes.giveUp();
      void this.#drain();
    });
  }

  #watchDriver(pulse: DriverPulse): DriverWatch {
    const { deathTimeoutMs } = this.#options.settings;
    const reason = `the driver gave no sign of life for ${deathTimeoutMs} ms`;
    const lost = (): void => void this.#lostEngine(reason);
    return new DriverWatch({ clock: this.#clock, deathTimeoutMs, pulse, lost });
  }

  /** Ends in peace. */
  async #leave(): Promise<void> {
    this.#leaving = true;
    this.#lanes.stop();
    this.#prints?.flush();
    await allPrinted(PRINT_MS);
    await this.#end(WorkerExitCode.done);
  }

  #receive(type: number, body: Buffer): void {
    this.#watch?.heard();
    switch (type) {
      case FrameType.welcome:
        this.#welcome(unpackMessage<WelcomeMessage>(body));
        return;
      case FrameType.code:
        this.#lanes.addCode(unpackMessage<CodeMessage>(body));
        return;
      case FrameType.define:
        this.#lanes.define(unpackMessage<DefineMessage>(body));
        return;
      case FrameType.cancel:
        this.#lanes.cancel(unpackMessage<CancelMessage>(body));
        return;
      case FrameType.recall:
        this.#lanes.recall(unpackMessage<RecallMessage>(body));
        return;
      case FrameType.blobData:
        void this.#blobs?.received(unpackMessage<BlobPiece>(body));
        return;
      case FrameType.blobStored:
        this.#blobs?.stored(unpackMessage<{ id: string }>(body).id);
        return;
      case FrameType.blobForget:
        void this.#blobs?.forget(unpackMessage<{ ids: string[] }>(body).ids);
        return;
      case FrameType.rested:
        this.#rested(unpackMessage<RestMessage>(body));
        return;
      case FrameType.drain:
        void this.#drain();
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
    this.#blobs = this.#options.way.openBlobs(this.#channel, message.blobs);
    this.#lanes.startRun(message.run, this.#blobs);
    this.#options.turns?.ready();
  }

  #rested({ turn }: RestMessage): void {
    // It may have been woken since this was said.
    if (turn !== this.#turn) return;
    this.#prints?.flush();
    this.#options.turns?.rested(turn);
  }

  /** Resolves when what was logged has left this process. */
  #log(events: readonly LogEvent[]): Promise<void> {
    this.#send(FrameType.log, { events } satisfies LogMessage);
    return this.#channel.drained();
  }

  #beat(everyMs: number): void {
    this.#heartbeat = this.#clock.after(everyMs, () => {
      this.#channel.send(FrameType.heartbeat);
      this.#beat(everyMs);
    });
  }

  #send(type: number, message: unknown): void {
    this.#channel.send(type, packMessage(message));
  }

  async #lostEngine(reason: string): Promise<void> {
    if (this.#ended || this.#leaving) return;
    // They have lost it as well, and would dial again.
    this.#lanes.stop();
    // A driver that was killed leaves its blobs behind: its workers are the last who can remove them.
    const engineGone = (await this.#watch?.isDriverGone()) ?? false;
    await this.#end(WorkerExitCode.engineLost, { reason, engineGone });
  }

  async #end(
    code: number,
    { reason, engineGone = false }: { reason?: string; engineGone?: boolean } = {},
  ): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#watch?.close();
    this.#heartbeat?.cancel();
    this.#neighbours?.cancel();
    this.#channel.end();
    this.#blobs?.close({ engineGone });
    // Nobody but its workers can remove what a killed driver left, and this one had not even been told where it is.
    const { engineDirectory } = this.#options.way;
    if (engineGone && this.#blobs === undefined && engineDirectory !== undefined)
      removeBlobDirectory(engineDirectory);
    await this.#options.way.close();
    if (hasHadChildren()) await endDescendantsFirst({ pid: process.pid, mark: this.#mark });
    this.#options.ended({ code, reason, isStuck: !(await this.#lanes.close()) });
  }
}
