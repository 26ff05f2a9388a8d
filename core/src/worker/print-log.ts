import { LineSplitter } from "../base/line-splitter.ts";
import type { LogEvent } from "../contracts/event.ts";
import { readMark } from "../contracts/print-mark.ts";

/** Makes log lines of what tasks print. */
export class PrintLog {
  readonly #workerId: string;
  /** Resolves when they have left this process. */
  readonly #log: (events: readonly LogEvent[]) => Promise<void>;
  readonly #splitters: Readonly<Record<1 | 2, LineSplitter>>;
  #lines: LogEvent[] = [];

  constructor(workerId: string, log: (events: readonly LogEvent[]) => Promise<void>) {
    this.#workerId = workerId;
    this.#log = log;
    const splitter = (): LineSplitter => new LineSplitter((line) => this.#add(line));
    this.#splitters = { 1: splitter(), 2: splitter() };
  }

  readonly print = (stream: 1 | 2, bytes: Uint8Array, printed: () => void): void => {
    this.#splitters[stream].write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    void this.#send().then(printed);
  };

  /** What did not end with a line break goes as well. */
  flush(): void {
    for (const splitter of Object.values(this.#splitters)) splitter.end();
    void this.#send();
  }

  async #send(): Promise<void> {
    const lines = this.#lines;
    if (lines.length === 0) return;
    this.#lines = [];
    await this.#log(lines);
  }

  #add(line: string): void {
    const { text, owner } = readMark(line);
    const event = {
      type: "log",
      at: Date.now(),
      level: "info",
      message: text,
      worker: this.#workerId,
    } as const;
    this.#lines.push({ ...event, ...owner });
  }
}
