import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface NatsServerSetup {
  /** More of its configuration. */
  readonly config?: string;
  /** @default true */
  readonly jetStream?: boolean;
  /** More of its command line. */
  readonly args?: readonly string[];
}

/** A server of NATS on the loopback interface that a test kills and starts again, on the same files. */
export class NatsServer implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "muster-e2e-nats-"));
  readonly #program: string;
  readonly #args: readonly string[];
  readonly port: number;
  #process: ChildProcess | undefined;

  private constructor(
    program: string,
    port: number,
    { config, jetStream = true, args = [] }: NatsServerSetup,
  ) {
    this.#program = program;
    this.port = port;
    const file = join(this.#directory, "nats.conf");
    if (config !== undefined) writeFileSync(file, config);
    this.#args = [
      ...(config === undefined ? [] : ["-c", file]),
      ...(jetStream ? ["-js", "-sd", this.#directory] : []),
      ...args,
    ];
  }

  static async start(
    variable: "NATS_SERVER_BIN" | "NATS_OLD_SERVER_BIN" = "NATS_SERVER_BIN",
    setup: NatsServerSetup = {},
  ) {
    const program = process.env[variable];
    if (program === undefined) throw new Error(`${variable} must name a nats-server for this test.`);
    const server = new NatsServer(program, await freePort(), setup);
    await server.restart();
    return server;
  }

  get address(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  async restart(): Promise<void> {
    const args = [...this.#args, "-a", "127.0.0.1", "-p", String(this.port)];
    this.#process = spawn(this.#program, args, { stdio: "ignore" });
    for (let tries = 0; !(await answers(this.port)); tries++) {
      if (tries > 500) throw new Error(`The server did not listen on ${this.port}.`);
      await delay(20);
    }
  }

  /** The answer of its JetStream to a message there, for which no client is needed. */
  async ask(subject: string, { body = {}, who = {} }: { body?: object; who?: object } = {}): Promise<object> {
    const socket = connect(this.port, "127.0.0.1");
    const text = JSON.stringify(body);
    socket.write(
      `CONNECT ${JSON.stringify({ verbose: false, ...who })}\r\nSUB answer 1\r\nPUB ${subject} answer ${Buffer.byteLength(text)}\r\n${text}\r\n`,
    );
    let heard = "";
    for await (const bytes of socket) {
      heard += String(bytes);
      const answer = /MSG answer 1 \d+\r\n(\{.*\})\r\n/.exec(heard)?.[1];
      if (answer !== undefined) return JSON.parse(answer) as object;
    }
    throw new Error(`The server closed the connection: ${heard}`);
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const server = this.#process!;
    const ended = new Promise((resolve) => server.once("exit", resolve));
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill(signal);
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill("SIGTERM");
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A network to a server that a test cuts: what is under way is lost, and nobody gets through until it is mended. */
export class Network implements Disposable {
  readonly #to: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(to: number) {
    this.#to = to;
    this.#server = createServer((near) => this.#pass(near));
  }

  static async to(port: number): Promise<Network> {
    const network = new Network(port);
    await new Promise<void>((resolve) => network.#server.listen(0, "127.0.0.1", resolve));
    return network;
  }

  get address(): string {
    return `nats://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  [Symbol.dispose](): void {
    this.cut();
    this.#server.close();
  }

  #pass(near: Socket): void {
    if (this.#isCut) {
      near.destroy();
      return;
    }
    const far = connect(this.#to, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
