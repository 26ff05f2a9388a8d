import { type Clock, systemClock, type Timer } from "../base/clock.ts";
import type { ClusterEvent, MusterEvent, TaskEvent, WorkerEvent } from "../events/event.ts";
import type { Progress } from "../events/progress.ts";
import { formatDuration, formatTime } from "./format.ts";
import { formatLogLine, isLogged } from "./log-line.ts";
import type { ProgressPrinter, ProgressPrinterOptions } from "./progress-printer.ts";
import { countsText, finishedOf, workersText } from "./progress-view.ts";
import { printable } from "./text-width.ts";

const INTERVAL_MS = 1000;
/** Failures that are told at once; more of them within one interval are only counted. */
const MAX_FAILURES_AN_INTERVAL = 5;
const MAX_NAMES = 4;

export interface PlainProgressOptions extends ProgressPrinterOptions {
  readonly writeLine: (line: string) => void;
  /** @default the system's */
  readonly clock?: Clock;
}

/** Lines for a log file: one a second while tasks go on, and one for whatever somebody would want to know at once. */
export class PlainProgress implements ProgressPrinter {
  readonly #options: PlainProgressOptions;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #printedVersion = 0;
  #failures = 0;

  constructor(options: PlainProgressOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  record(event: MusterEvent): void {
    switch (event.type) {
      case "log":
        if (isLogged(event.level, this.#options.logLevel)) {
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
        if (event.state === "Failed" || event.state === "Crashed") this.#recordFailure(event);
        break;
      case "scaling":
      case "flow":
        return;
      default:
        event satisfies never;
    }
    this.#timer ??= this.#clock.after(INTERVAL_MS, () => this.#printProgress(), { keepAlive: false });
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
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

  #printProgress(): void {
    this.#timer = undefined;
    const { progress } = this.#options;
    if (progress.version === this.#printedVersion) return;
    this.#printedVersion = progress.version;
    this.#failures = 0;
    this.#print(this.#clock.wallTime(), progressText(progress));
  }

  #print(at: number, text: string): void {
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
