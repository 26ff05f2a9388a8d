import { atExit } from "../base/at-exit.ts";
import { type Clock, systemClock, type Timer } from "../base/clock.ts";
import type { MusterEvent } from "../contracts/event.ts";
import { formatLogLine, isLogged } from "./log-line.ts";
import type { ProgressPrinter, ProgressPrinterOptions } from "./progress-printer.ts";
import { renderProgress } from "./progress-view.ts";
import { printable, textWidth } from "./text-width.ts";

const REDRAW_MS = 100;
/** The clock on the last line goes on when nothing else does. */
const CLOCK_MS = 1000;
const MAX_ROWS = 20;

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const ERASE_BELOW = "\u001b[J";
const upBy = (rows: number): string => (rows > 0 ? `\u001b[${rows}A\r` : "");

export interface TerminalProgressOptions extends ProgressPrinterOptions {
  /** The terminal that the view is drawn on. */
  readonly stream: NodeJS.WriteStream;
  /** Every stream that writes to this terminal: what is written to them appears above the view. */
  readonly streams: readonly NodeJS.WriteStream[];
  /** @default the system's */
  readonly clock?: Clock;
}

/** A view that is redrawn in place at the bottom of a terminal; logs and the flow's own output scroll above it. */
export class TerminalProgress implements ProgressPrinter {
  readonly #options: TerminalProgressOptions;
  readonly #clock: Clock;
  readonly #restoreStreams: (() => void)[];
  readonly #writeToTerminal: (text: string) => void;
  /** Whole and partial lines that wait for the next drawing. */
  #output = "";
  #lines: string[] = [];
  #drawnVersion = -1;
  #drawnAt = 0;
  #ended = false;
  #timer: Timer;
  readonly #forgetExit: () => void;

  constructor(options: TerminalProgressOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#writeToTerminal = options.stream.write.bind(options.stream);
    this.#restoreStreams = options.streams.map((stream) =>
      captureWrites(stream, (text) => (this.#output += text)),
    );
    this.#timer = this.#nextTick();
    // Whatever ends the process, the cursor comes back and no output is lost.
    this.#forgetExit = atExit(this.#end);
    this.#writeToTerminal(HIDE_CURSOR);
  }

  record(event: MusterEvent): void {
    if (event.type === "log" && isLogged(event.level, this.#options.logLevel)) {
      this.#output += `${formatLogLine(event, this.#options.colors)}\n`;
    }
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  #nextTick(): Timer {
    return this.#clock.after(REDRAW_MS, () => this.#tick(), { keepAlive: false });
  }

  #tick(): void {
    const changed = this.#options.progress.version !== this.#drawnVersion || this.#output.includes("\n");
    if (changed || this.#clock.now() - this.#drawnAt >= CLOCK_MS) this.#draw();
    this.#timer = this.#nextTick();
  }

  #draw(): void {
    const { progress, stream, colors } = this.#options;
    const columns = stream.columns || 80;
    const erase = this.#erase(columns);
    this.#drawnVersion = progress.version;
    this.#drawnAt = this.#clock.now();
    this.#lines = renderProgress(progress, {
      // The last column stays free: a line that fills it wraps on some terminals.
      columns: columns - 1,
      rows: Math.min(MAX_ROWS, (stream.rows || 24) - 2),
      now: this.#clock.wallTime(),
      colors,
    });
    this.#writeToTerminal(
      `${erase}${this.#takeWholeLines()}${this.#lines.map((line) => `${line}\n`).join("")}`,
    );
  }

  /** What removes the lines drawn last, also when the terminal has become narrower and wraps them. */
  #erase(columns: number): string {
    const rows = this.#lines.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(textWidth(printable(line)) / columns)),
      0,
    );
    return upBy(rows) + ERASE_BELOW;
  }

  #takeWholeLines(): string {
    const end = this.#output.lastIndexOf("\n") + 1;
    const lines = this.#output.slice(0, end);
    this.#output = this.#output.slice(end);
    return lines;
  }

  readonly #end = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer.cancel();
    this.#forgetExit();
    this.#draw();
    this.#writeToTerminal(this.#output + SHOW_CURSOR);
    for (const restore of this.#restoreStreams) restore();
  };
}

/** Gives what is written to `stream` to `take` instead, until the returned function is called. */
function captureWrites(stream: NodeJS.WriteStream, take: (text: string) => void): () => void {
  const original = stream.write;
  stream.write = ((chunk: string | Uint8Array, encoding?: unknown, callback?: unknown): boolean => {
    take(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"));
    const done = typeof encoding === "function" ? encoding : callback;
    if (typeof done === "function") process.nextTick(done as () => void);
    return true;
  }) as typeof stream.write;
  return () => {
    stream.write = original;
  };
}
