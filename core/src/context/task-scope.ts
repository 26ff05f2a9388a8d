import { MusterError } from "../base/errors.ts";
import type { LogEvent, LogLevel } from "../contracts/event.ts";
import type { Context, Logger } from "./context.ts";
import { makeLogger } from "./make-logger.ts";

/** What a thread knows of the run that it serves, with the parameters decoded. */
export interface RunScope {
  readonly flowRunId: string;
  readonly flowName: string;
  readonly image: string | undefined;
  readonly parameters: unknown;
  readonly logLevel: LogLevel;
  readonly workerId: string;
  emit(event: LogEvent): void;
}

/** `context` inside one attempt of a task. Whatever few tasks ask for is made when it is asked for. */
export class TaskScope implements Context {
  readonly #run: RunScope;
  readonly #id: number;
  readonly taskName: string;
  readonly attempt: number;
  #controller: AbortController | undefined;
  #logger: Logger | undefined;
  #printOwner: { readonly task: string; readonly taskRun: number; readonly attempt: number } | undefined;

  constructor(run: RunScope, taskName: string, id: number, attempt: number) {
    this.#run = run;
    this.taskName = taskName;
    this.#id = id;
    this.attempt = attempt;
  }

  /** The same object each time, for who compares. */
  get printOwner(): { readonly task: string; readonly taskRun: number; readonly attempt: number } {
    this.#printOwner ??= { task: this.taskName, taskRun: this.#id, attempt: this.attempt };
    return this.#printOwner;
  }

  get image(): string | undefined {
    return this.#run.image;
  }

  get flowRunId(): string {
    return this.#run.flowRunId;
  }

  get flowName(): string {
    return this.#run.flowName;
  }

  get parameters(): unknown {
    return this.#run.parameters;
  }

  get taskRunId(): string {
    return `${this.#run.flowRunId}-${this.#id}`;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  get logger(): Logger {
    this.#logger ??= makeLogger(this.#run.logLevel, (line) =>
      this.#run.emit({
        type: "log",
        at: Date.now(),
        ...line,
        worker: this.#run.workerId,
        task: this.taskName,
        taskRun: this.#id,
        attempt: this.attempt,
      }),
    );
    return this.#logger;
  }

  /** Tells the attempt that it is to end. */
  abort(why: "timeout" | "cancelled"): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(
      why === "timeout"
        ? new MusterError("TASK_TIMEOUT", "The task took longer than its timeout.")
        : new MusterError("TASK_CANCELLED", "The task was cancelled."),
    );
  }
}
