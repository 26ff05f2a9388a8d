import type { EngineListener, EngineTask, TaskReport, TaskStart } from "../../contracts/engine.ts";
import type { LogEvent } from "../../contracts/event.ts";

type Heard =
  | { readonly type: "started"; readonly start: TaskStart }
  | { readonly type: "report"; readonly report: TaskReport }
  | { readonly type: "log"; readonly event: LogEvent };

/** How an attempt stands with the engine. */
type Standing = "submitted" | "ended" | "forgotten";

/** Hears an engine: keeps in order what it says, and notes what it must never say. */
export class EngineRecorder implements EngineListener {
  readonly heard: Heard[] = [];
  /** What no engine may ever say. */
  readonly faults: string[] = [];
  failure: Error | undefined;
  /** Called in the middle of the engine's own call. */
  whenReported: ((report: TaskReport) => void) | undefined;
  readonly #attempts = new Map<string, Standing>();
  readonly #reports = new Map<string, TaskReport>();
  readonly #starts = new Map<string, TaskStart>();
  readonly #waiting = new Set<() => void>();
  #isClosed = false;
  #isCalling = false;

  started(starts: readonly TaskStart[]): void {
    this.#checkCall("started");
    for (const start of starts) {
      const attempt = nameOf(start.task, start.attempt);
      if (!this.#isWith(attempt)) this.#wrong(`${attempt} was told to run`, attempt);
      this.#starts.set(attempt, start);
      this.heard.push({ type: "started", start });
    }
    this.#tell();
  }

  reported(reports: readonly TaskReport[]): void {
    this.#checkCall("reported");
    for (const report of reports) {
      const attempt = nameOf(report.task, report.attempt);
      if (!this.#isWith(attempt)) this.#wrong(`${attempt} was reported as ${report.kind}`, attempt);
      this.#attempts.set(attempt, "ended");
      this.#reports.set(attempt, report);
      this.heard.push({ type: "report", report });
    }
    if (this.whenReported !== undefined) reports.forEach(this.whenReported);
    this.#tell();
  }

  log(event: LogEvent): void {
    this.#checkCall("log");
    this.heard.push({ type: "log", event });
    this.#tell();
  }

  failed(error: Error): void {
    this.#checkCall("failed");
    this.failure = error;
    this.#tell();
  }

  /** Calls the engine, which must not answer by a call of its own. */
  calling<T>(call: () => T): T {
    const wasCalling = this.#isCalling;
    this.#isCalling = true;
    try {
      return call();
    } finally {
      this.#isCalling = wasCalling;
    }
  }

  /** The engine has these attempts from now on. */
  submitted(tasks: readonly EngineTask[]): void {
    for (const task of tasks) this.#attempts.set(nameOf(task), "submitted");
  }

  /** The engine has said that it never began, and never will. */
  forgotten(task: EngineTask): void {
    this.#attempts.set(nameOf(task), "forgotten");
  }

  /** The engine is closed, and says nothing any more. */
  closed(): void {
    this.#isClosed = true;
  }

  reportOf(task: EngineTask, attempt = task.attempt): TaskReport | undefined {
    return this.#reports.get(nameOf(task, attempt));
  }

  startOf(task: EngineTask): TaskStart | undefined {
    return this.#starts.get(nameOf(task));
  }

  logs(): LogEvent[] {
    return this.heard.flatMap((one) => (one.type === "log" ? one.event : []));
  }

  /** Lets go of all tasks and values that it has heard of. */
  forgetAll(): void {
    this.heard.length = 0;
    this.#reports.clear();
    this.#starts.clear();
  }

  /** Looks at each call of the engine's until there is what is looked for; the test's deadline ends it. */
  async until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.failure !== undefined) throw this.failure;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  #isWith(attempt: string): boolean {
    return this.#attempts.get(attempt) === "submitted";
  }

  #checkCall(name: string): void {
    if (this.#isCalling) this.faults.push(`${name}() was called in the middle of a call of the engine`);
    if (this.#isClosed) this.faults.push(`${name}() was called after the engine was closed`);
  }

  #wrong(what: string, attempt: string): void {
    const standing = this.#attempts.get(attempt) ?? "never submitted";
    this.faults.push(`${what}, and was ${standing}`);
  }

  #tell(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

function nameOf({ id, fn, attempt: current }: EngineTask, attempt = current): string {
  return `attempt ${attempt} of task ${id} (${fn.name})`;
}
