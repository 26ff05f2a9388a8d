import type { LogEvent } from "../contracts/event.ts";
import { packReports } from "../wire/batches.ts";
import type { FrameLink } from "../wire/frame-link.ts";
import { packMessage } from "../wire/message.ts";
import { type BeginsMessage, FrameType, type LogMessage, packBegins } from "../wire/protocol.ts";
import { type AttemptEnd, durationUs, type Prospect, type ReportBuffer } from "./report-buffer.ts";
import { PRINT_MS, type PrintCount } from "./thread-output.ts";

export interface EndTellerOptions {
  readonly link: FrameLink;
  readonly reports: ReportBuffer;
  readonly prints: PrintCount;
  /** Whether the run, and this process, may end with the first end that is told. Else nothing that was said is lost. */
  readonly mayEndWithRun: boolean;
  /** Called when log lines that had to wait have left. */
  readonly logsLeft: () => void;
}

/** Tells the engine what begins, what is logged and what ends in this thread, and in which order it hears of them. */
export class EndTeller {
  readonly #options: EndTellerOptions;
  /** Of the task that was last said to begin. */
  #saidToBegin = -1;

  constructor(options: EndTellerOptions) {
    this.#options = options;
  }

  /** Log lines wait to leave, which they cannot while a task keeps this thread; nor can any end from after them. */
  get isBehindLogs(): boolean {
    return this.#options.reports.isBehindLogs;
  }

  /** Whether the task with this number on the lane was said to begin. */
  hasSaidToBegin(number: number): boolean {
    return this.#saidToBegin === number;
  }

  /** If it ends this process, the loss is its own, and not of those that came with it. */
  begins(message: BeginsMessage): void {
    if (this.hasSaidToBegin(message.number)) return;
    this.#saidToBegin = message.number;
    this.#options.link.send(FrameType.begins, packBegins(message));
  }

  log(event: LogEvent): void {
    const { link, reports, logsLeft } = this.#options;
    link.send(FrameType.log, packMessage({ events: [event] } satisfies LogMessage));
    link.flush();
    if (link.isClear || reports.isBehindLogs) return;
    reports.isBehindLogs = true;
    void link.drained().then(() => {
      reports.isBehindLogs = false;
      logsLeft();
    });
  }

  /** It is told with others, as soon as it is due. */
  ended(end: AttemptEnd): void {
    const { reports } = this.#options;
    if (reports.add(end)) return;
    this.flush();
    if (!reports.add(end)) this.#tellAlone(end);
  }

  flushIfDue(prospect: Prospect): void {
    if (this.#options.reports.isDue(prospect)) this.flush();
  }

  flush(): void {
    const reports = this.#options.reports.take();
    if (reports !== undefined) this.#send(reports);
  }

  /** Of an end that has no room among others. */
  #tellAlone({ id, attempt, kind, outcome, ...times }: AttemptEnd): void {
    const row = { ids: [id], attempts: [attempt], kinds: [kind], durationsUs: [durationUs(times)] };
    this.#send(packReports(row, [outcome]));
  }

  #send(reports: Uint8Array): void {
    const { link, prints, mayEndWithRun } = this.#options;
    if (mayEndWithRun) prints.wait(PRINT_MS);
    link.send(FrameType.reports, reports);
    link.flush();
  }
}
