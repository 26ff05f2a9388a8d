import { type Ancestor, endDescendantsSoon, killGroup, type Mark } from "../../base/descendants.ts";
import { LineSplitter } from "../../base/line-splitter.ts";
import { type RunningProgram, startProgram } from "../../base/start-program.ts";
import { readMark } from "../../contracts/print-mark.ts";
import { WorkerExitCode } from "../../contracts/worker-exit-code.ts";
import { workerFile } from "../../contracts/worker-file.ts";
import type { WorkerDeath } from "../../contracts/worker-link.ts";
import { type FromLane, LANE_PROGRAM, type ToLane } from "./lane-messages.ts";

/** What it printed last, for the error about its end. */
const LAST_LINES = 20;

export interface LaneProcessListener {
  heard(message: FromLane): void;
  /** A line that was no print of a task which the process itself could tell of. */
  printed(line: string): void;
  /** It has ended, and all that its tasks started. */
  ended(death: WorkerDeath): void;
}

/** The process of a lane, in a group of its own: with it goes what its tasks started. */
export class LaneProcess {
  readonly #child: RunningProgram;
  readonly #lines: string[] = [];
  readonly #mark: Mark;

  /** @throws StartProgramError */
  static async start(
    { env, mark }: { readonly env: NodeJS.ProcessEnv; readonly mark: Mark },
    listener: LaneProcessListener,
    signal: AbortSignal,
  ): Promise<LaneProcess> {
    const options = { env, detached: true, hasMessages: true, signal };
    return new LaneProcess(
      await startProgram([process.execPath, workerFile(), LANE_PROGRAM], options),
      listener,
      mark,
    );
  }

  private constructor(child: RunningProgram, listener: LaneProcessListener, mark: Mark) {
    this.#child = child;
    this.#mark = mark;
    child.on("message", (message) => listener.heard(message as FromLane));
    const splitters = [child.stdout, child.stderr].map((stream) => {
      const splitter = new LineSplitter((line) => this.#printed(readMark(line).text, listener));
      stream.on("data", (bytes: Buffer) => splitter.write(bytes));
      return splitter;
    });
    // Not at "close": programs that its tasks started may hold its output open.
    child.once("exit", async (code, signal) => {
      // One that ends in peace has ended what its tasks started, as far as it knows of it.
      if (code === WorkerExitCode.done) killGroup(this.ancestor);
      else await endDescendantsSoon(this.ancestor);
      for (const splitter of splitters) splitter.end();
      listener.ended({ ...howItEnded(code, signal), lastLines: this.#lines });
    });
  }

  get ancestor(): Ancestor {
    return { pid: this.#child.pid, mark: this.#mark };
  }

  send(message: ToLane): void {
    if (this.#child.connected) this.#child.send(message, undefined, undefined, () => {});
  }

  /** Ends it at once, with all that its tasks started. */
  kill(): void {
    void endDescendantsSoon(this.ancestor);
  }

  #printed(line: string, listener: LaneProcessListener): void {
    if (line === "") return;
    this.#lines.push(line);
    if (this.#lines.length > LAST_LINES) this.#lines.shift();
    listener.printed(line);
  }
}

function howItEnded(code: number | null, signal: NodeJS.Signals | null): Omit<WorkerDeath, "lastLines"> {
  if (signal === null)
    return { reason: `its process ended with exit code ${code}`, ...(code !== null && { exitCode: code }) };
  return { reason: `its process was ended by ${signal}`, signal };
}
