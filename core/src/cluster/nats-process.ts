import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { atExit } from "../base/at-exit.ts";
import { MusterError, toError } from "../base/errors.ts";
import { LineSplitter } from "../base/line-splitter.ts";
import { type RunningProgram, startProgram } from "../base/start-program.ts";
import { withDeadline } from "../base/wait.ts";
import { LineLog } from "./line-log.ts";

export interface NatsProcessOptions {
  /** The program: `nats-server`, or its path. */
  readonly program: string;
  /** What its configuration file is to hold. */
  readonly config: string;
  /** Where that file goes: a directory that this user alone can read. */
  readonly directory: string;
  /** Milliseconds that it may take until it listens. @default 30000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with its id as soon as it has one. */
  readonly started?: (pid: number) => void;
}

/** How a server's process ended. */
export interface NatsProcessEnd {
  /** `"exit code 1"`, `"ended by SIGKILL"`. */
  readonly how: string;
  readonly lastLines: readonly string[];
}

/** Lines that are kept for whoever asks why it ended. */
const LAST_LINES = 5;
const KEPT_LINES = 200;

/** A process of `nats-server`, in a group of its own, so that what a terminal sends to this program does not end it. */
export class NatsProcess implements AsyncDisposable {
  readonly #child: RunningProgram;
  readonly #log = new LineLog(KEPT_LINES);
  readonly #ready = Promise.withResolvers<void>();
  readonly #facts = { version: "", port: 0, webSocketPort: 0 };
  /** Settles when it is gone. */
  readonly ended: Promise<NatsProcessEnd>;

  /**
   * Starts one, and waits until it listens.
   * @throws MusterError `CLUSTER_START` that says why it does not, with its last lines
   */
  static async start(options: NatsProcessOptions): Promise<NatsProcess> {
    const { program, config, directory, timeoutMs = 30_000, signal } = options;
    const file = join(directory, "nats.conf");
    writeFileSync(file, config, { mode: 0o600 });
    const env = process.env;
    const child = await startProgram([program, "--config", file], {
      env,
      detached: true,
      ...(signal === undefined ? {} : { signal }),
    });
    options.started?.(child.pid!);
    const server = new NatsProcess(child);
    try {
      const ready = Promise.race([server.#ready.promise, server.ended.then((end) => Promise.reject(end))]);
      await withDeadline(ready, "Its start", { timeoutMs, signal });
      return server;
    } catch (thrown) {
      await server.stop({ graceMs: 0 });
      if (thrown instanceof MusterError && thrown.code === "CANCELLED") throw thrown;
      const why =
        thrown instanceof Error ? toError(thrown).message : `it ended (${(thrown as NatsProcessEnd).how})`;
      const lines = server.lastLines();
      const last = lines.length === 0 ? "It printed nothing." : `Its last lines: ${lines.join(" | ")}`;
      throw new MusterError(
        "CLUSTER_START",
        `The NATS server ${program} does not run: ${why.replace(/\.$/, "")}. ${last}`,
        thrown instanceof Error ? { cause: thrown } : undefined,
      );
    }
  }

  private constructor(child: RunningProgram) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      const splitter = new LineSplitter((line) => this.#read(line));
      stream.on("data", (bytes: Buffer) => splitter.write(bytes));
      stream.on("end", () => splitter.end());
    }
    const forgetExit = atExit(() => child.kill("SIGKILL"));
    this.ended = new Promise((resolve) => {
      child.once("exit", forgetExit);
      child.once("close", (exitCode, signal) => {
        const how = signal === null ? `exit code ${exitCode}` : `ended by ${signal}`;
        resolve({ how, lastLines: this.lastLines() });
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get version(): string {
    return this.#facts.version;
  }

  /** Where clients connect. */
  get port(): number {
    return this.#facts.port;
  }

  /** Where WebSockets do, if it takes them; else 0. */
  get webSocketPort(): number {
    return this.#facts.webSocketPort;
  }

  /** The last lines that it printed, without their times. */
  lastLines(count = LAST_LINES): string[] {
    return this.#log.last(count);
  }

  /** Ends it: politely, and after `graceMs` by force. */
  async stop({ graceMs = 2000 }: { readonly graceMs?: number } = {}): Promise<void> {
    if (graceMs > 0) {
      this.#child.kill("SIGTERM");
      await withDeadline(this.ended, "Its end", { timeoutMs: graceMs }).catch(() => {});
    }
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** What a server says of itself is the same from version 2.10 on. */
  #read(line: string): void {
    // `[1234] 2025/01/31 12:00:00.000000 [INF] Server is ready`
    const text = line.replace(/^\[\d+\] [\d/]+ [\d:.]+ (?=\[)/, "");
    if (text.trim() !== "") this.#log.append(text);
    const facts = this.#facts;
    facts.version ||= /\[INF\]\s+Version:\s+(\S+)/.exec(text)?.[1] ?? "";
    facts.port ||= Number(/Listening for client connections on \S+:(\d+)/.exec(text)?.[1] ?? 0);
    facts.webSocketPort ||= Number(/Listening for websocket clients on \S+:(\d+)/.exec(text)?.[1] ?? 0);
    if (text.endsWith("Server is ready")) this.#ready.resolve();
  }
}
