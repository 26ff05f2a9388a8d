import { type Clock, systemClock, type Timer } from "../base/clock.ts";
import type { ClusterEvent, MusterEvent, TaskEvent, WorkerEvent } from "../contracts/event.ts";
import type { Progress } from "../events/progress.ts";
import { formatDuration, formatTime } from "./format.ts";
import { formatLogLine, isLogged } from "./log-line.ts";
import type { ProgressPrinter, ProgressPrinterOptions } from "./progress-printer.ts";
import { countsText, finishedOf, workersText } from "./progress-view.ts";
import { printable } from "./text-width.ts";

/** The first line comes after this; each next one waits longer than the one before. */
const INTERVAL_MS = 1000;
const BACK_OFF = 1.5;
/** After so long without a line there is one, which says what has run longest. */
const SILENCE_MS = 30_000;
/** Failures that are told at once; more of them within one interval are only counted. */
const MAX_FAILURES_AN_INTERVAL = 5;
const MAX_NAMES = 4;

export interface PlainProgressOptions extends ProgressPrinterOptions {
  readonly writeLine: (line: string) => void;
  /** @default the system's */
  readonly clock?: Clock;
}

/**
 * Lines for a log file: ever fewer of them while tasks go on, one after half a minute of silence, with the task that has
 * run longest, and one for whatever somebody would want to know at once.
 */
export class PlainProgress implements ProgressPrinter {
  readonly #options: PlainProgressOptions;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #silence: Timer | undefined;
  #printedVersion = 0;
  #printedAt: number;
  #gapMs = INTERVAL_MS;
  /** Tasks that run, those that began first at first. */
  readonly #running = new Map<number, { readonly name: string; readonly at: number }>();
  #failures = 0;

  constructor(options: PlainProgressOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#printedAt = this.#clock.now();
  }

  record(event: MusterEvent): void {
    switch (event.type) {
      case "log":
        if (isLogged(event.level, this.#options.logLevel)) {
          this.#printedAt = this.#clock.now();
          this.#options.writeLine(formatLogLine(event, this.#options.colors));
        }
        return;
      case "cluster":
        this.#print(event.at, clusterText(event));
        return;
      case "worker":
        if (event.state === "gone" && event.expected !== true) this.#print(event.at, lostText(event));
        break;
      case "task":
        if (event.state === "Running")
          this.#running.set(event.id, { name: event.name, at: this.#clock.now() });
        else this.#running.delete(event.id);
        if (event.state === "Failed" || event.state === "Crashed") this.#recordFailure(event);
        break;
      case "scaling":
      case "flow":
        return;
      default:
        event satisfies never;
    }
    this.#timer ??= this.#after(this.#gapMs, () => this.#printProgress());
    this.#silence ??= this.#after(SILENCE_MS, () => this.#breakSilence());
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#silence?.cancel();
  }

  #recordFailure(event: TaskEvent): void {
    this.#failures++;
    if (this.#failures > MAX_FAILURES_AN_INTERVAL) return;
    const { red } = this.#options.colors;
    this.#print(
      event.at,
      red(`${event.name}#${event.id} ${event.state.toLowerCase()}: ${event.message ?? "no reason given"}`),
    );
  }

  #after(delayMs: number, action: () => void): Timer {
    return this.#clock.after(delayMs, action, { keepAlive: false });
  }

  #printProgress(): void {
    this.#timer = undefined;
    this.#failures = 0;
    if (this.#options.progress.version !== this.#printedVersion) this.#printCounts("");
  }

  #breakSilence(): void {
    const silentMs = this.#clock.now() - this.#printedAt;
    let leftMs = Math.max(SILENCE_MS, this.#gapMs) - silentMs;
    if (leftMs <= 0) {
      this.#gapMs = Math.max(SILENCE_MS, this.#gapMs);
      this.#printCounts(this.#longest());
      leftMs = this.#gapMs;
    }
    this.#silence = this.#after(leftMs, () => this.#breakSilence());
  }

  #printCounts(rest: string): void {
    const { progress } = this.#options;
    this.#printedVersion = progress.version;
    this.#print(this.#clock.wallTime(), `${progressText(progress)}${rest}`);
    this.#gapMs *= BACK_OFF;
  }

  /** ` · hash#17 has run longest: 45.0 s`. */
  #longest(): string {
    for (const [id, { name, at }] of this.#running)
      return ` · ${printable(name)}#${id} has run longest: ${formatDuration(this.#clock.now() - at)}`;
    return "";
  }

  #print(at: number, text: string): void {
    this.#printedAt = this.#clock.now();
    this.#options.writeLine(`${this.#options.colors.dim(formatTime(at))} ${text}`);
  }
}

/** `hash 231/400  4 running · merge 0/1 · workers: 4 ready`. */
function progressText(progress: Progress): string {
  const tasks = [...progress.tasks];
  const unfinished = tasks.filter((task) => finishedOf(task) < task.submitted);
  const shown = (tasks.length <= MAX_NAMES ? tasks : unfinished).slice(0, MAX_NAMES);
  const parts = shown.map((task) => `${printable(task.name)} ${countsText(task)}`);
  if (shown.length < tasks.length) parts.push(`${tasks.length - shown.length} more task names`);
  parts.push(`workers: ${workersText(progress)}`);
  return parts.join(" · ");
}

function clusterText(event: ClusterEvent): string {
  const time = event.durationMs === undefined ? "" : ` (${formatDuration(event.durationMs)})`;
  const message = event.message === undefined ? "" : `: ${event.message}`;
  return `cluster ${event.cluster} ${event.state}${time}${message}`;
}

function lostText(event: WorkerEvent): string {
  const reason =
    event.reason ?? (event.outOfMemory ? "out of memory" : (event.signal ?? `exit code ${event.exitCode}`));
  return `worker ${event.worker} lost: ${reason}`;
}
