import type { Clock } from "../base/clock.ts";
import { toError } from "../base/errors.ts";
import { withDeadline } from "../base/wait.ts";
import type { LogEvent, LogLevel } from "../contracts/event.ts";
import { type PrintOwner, readMark } from "../contracts/print-mark.ts";
import type { WorkerProvider } from "../contracts/provider.ts";
import type { WorkerEntry } from "./worker-entry.ts";

/** Milliseconds that the last lines of an ended worker have to arrive. */
const LAST_LINES_MS = 1_000;

export interface WorkerOutputDeps {
  readonly provider: Pick<WorkerProvider, "logs">;
  readonly clock: Clock;
  readonly emit: (event: LogEvent) => void;
  /** Fires when nobody reads any more. */
  readonly signal: AbortSignal;
}

/** Takes in what workers print, each line once: for who follows a worker, for its last words, and for the run's log. */
export class WorkerOutput {
  readonly #deps: WorkerOutputDeps;

  constructor(deps: WorkerOutputDeps) {
    this.#deps = deps;
  }

  /** Reads what a worker prints, from its first line to its last. */
  read(entry: WorkerEntry): Promise<void> {
    entry.logsDone ??= this.#readLines(entry);
    return entry.logsDone;
  }

  /** Resolves when the last lines of a worker that ended are there, or do not come in time. */
  async readLast(entry: WorkerEntry): Promise<void> {
    const deadline = { timeoutMs: LAST_LINES_MS, clock: this.#deps.clock };
    await withDeadline(this.read(entry), "The last lines", deadline).catch(() => undefined);
  }

  async #readLines({ id, log }: WorkerEntry): Promise<void> {
    const { provider, signal } = this.#deps;
    try {
      for await (const line of provider.logs(id, signal)) {
        const { text, owner } = readMark(line);
        log.append(text);
        this.#log("info", text, { worker: id, ...owner });
      }
    } catch (error) {
      this.#log("warn", `The output of ${id} cannot be read: ${toError(error).message}`, { worker: id });
    } finally {
      log.end();
    }
  }

  #log(level: LogLevel, message: string, from: Pick<LogEvent, "worker" | keyof PrintOwner>): void {
    const { clock, emit } = this.#deps;
    emit({ type: "log", at: clock.wallTime(), level, message, ...from });
  }
}
