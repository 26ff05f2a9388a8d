import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Identity } from "../../base/certificate.ts";
import { LastWill } from "../../base/last-will.ts";
import { makeTemporaryDirectory } from "../../base/places.ts";
import { NatsProcess } from "../../cluster/nats-process.ts";

/* A real server of NATS for a test, and a network between that can be cut. */

export interface TestServerOptions {
  /** `old`: the oldest version that has to work. @default "current" */
  readonly version?: "current" | "old";
  /** Its own, or of its only account with limits: `{ max_streams: 1, max_file: "1MB" }`, with a user. @default true */
  readonly jetStream?: boolean | Readonly<Record<string, string | number>>;
  readonly user?: { readonly user: string; readonly password: string };
  readonly token?: string;
  /** The public key of a user. */
  readonly nkey?: string;
  readonly tls?: {
    readonly identity: Identity;
    /** PEM of who signed the certificates that clients must show. @default they show none */
    readonly clientAuthority?: string;
    readonly isFirst?: boolean;
  };
  /** Whether it also takes WebSockets, or how it does with TLS. @default false */
  readonly webSocket?: boolean | Identity;
  readonly maxPayload?: number;
  /** More of its configuration. */
  readonly config?: string;
}

/** Nothing outlives the process that runs the tests: one that takes too long is killed. */
let scene: Promise<{ readonly directory: string; readonly will: LastWill }> | undefined;

async function setScene(): Promise<{ readonly directory: string; readonly will: LastWill }> {
  const directory = makeTemporaryDirectory("muster-test-nats-");
  return { directory, will: await LastWill.make(directory) };
}

/** A server on the loopback interface, with files of its own. */
export class TestServer implements AsyncDisposable {
  #options: TestServerOptions;
  readonly #directory: string;
  readonly #will: LastWill;
  #process!: NatsProcess;
  /** The same after a restart. */
  #port = -1;
  #webSocketPort = -1;

  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    scene ??= setScene();
    const { directory, will } = await scene;
    const server = new TestServer(options, mkdtempSync(join(directory, "server-")), will);
    try {
      await server.restart();
    } catch (error) {
      server.#removeFiles();
      throw error;
    }
    return server;
  }

  private constructor(options: TestServerOptions, directory: string, will: LastWill) {
    this.#options = options;
    this.#directory = directory;
    this.#will = will;
  }

  get port(): number {
    return this.#port;
  }

  get pid(): number {
    return this.#process.pid;
  }

  get address(): string {
    return `${this.#options.tls === undefined ? "nats" : "tls"}://127.0.0.1:${this.#port}`;
  }

  get webSocketPort(): number {
    return this.#webSocketPort;
  }

  get webSocketAddress(): string {
    return `${typeof this.#options.webSocket === "object" ? "wss" : "ws"}://127.0.0.1:${this.#webSocketPort}`;
  }

  /**
   * Starts it, at first or again: on the same ports, with what it had stored.
   * @param options what is to be different from now on
   */
  async restart(options: TestServerOptions = {}): Promise<void> {
    this.#options = { ...this.#options, ...options };
    await this.#process?.stop();
    const { version = "current" } = this.#options;
    this.#process = await NatsProcess.start({
      program: programOf(version),
      config: this.#config(),
      directory: this.#directory,
      started: (pid) => this.#will.add(pid),
    });
    const { pid, ended } = this.#process;
    void ended.then(() => this.#will.forget(pid));
    this.#port = this.#process.port;
    this.#webSocketPort = this.#process.webSocketPort;
  }

  /** Ends it as somebody does who means well. */
  stop(): Promise<void> {
    return this.#process.stop();
  }

  /** Ends it as a machine that fails. */
  kill(): Promise<void> {
    return this.#process.stop({ graceMs: 0 });
  }

  /** It lives, and does nothing, until it is resumed. */
  pause(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  resume(): void {
    process.kill(this.pid, "SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop({ graceMs: 0 });
    this.#removeFiles();
  }

  #removeFiles(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #config(): string {
    const { jetStream = true, user, token, nkey, tls, webSocket, maxPayload, config } = this.#options;
    const users = user === undefined ? "" : `{ user: "${user.user}", password: "${user.password}" }`;
    const lines = [`listen: "127.0.0.1:${this.#port}"`];
    if (jetStream !== false) {
      const store = join(this.#directory, "store");
      mkdirSync(store, { recursive: true });
      lines.push(`jetstream { store_dir: "${store}" }`);
    }
    if (typeof jetStream === "object") {
      const limits = Object.entries(jetStream).map(([name, value]) => `${name}: ${value}`);
      lines.push(`accounts { TEST { users: [${users}], jetstream { ${limits.join(", ")} } } }`);
    } else if (user !== undefined) lines.push(`authorization { users: [${users}] }`);
    if (token !== undefined) lines.push(`authorization { token: "${token}" }`);
    if (nkey !== undefined) lines.push(`authorization { users: [{ nkey: ${nkey} }] }`);
    if (tls !== undefined) lines.push(this.#tlsConfig(tls));
    if (webSocket !== undefined && webSocket !== false) {
      const secure = webSocket === true ? "no_tls: true" : this.#tlsConfig({ identity: webSocket });
      lines.push(`websocket { listen: "127.0.0.1:${this.#webSocketPort}", ${secure} }`);
    }
    if (maxPayload !== undefined) lines.push(`max_payload: ${maxPayload}`);
    if (config !== undefined) lines.push(config);
    return lines.join("\n");
  }

  #tlsConfig({ identity, clientAuthority, isFirst = false }: NonNullable<TestServerOptions["tls"]>): string {
    const file = (name: string, content: string): string => {
      const path = join(this.#directory, name);
      writeFileSync(path, content, { mode: 0o600 });
      return `"${path}"`;
    };
    const authority =
      clientAuthority === undefined ? "" : `ca_file: ${file("ca.pem", clientAuthority)}, verify: true,`;
    const first = isFirst ? "handshake_first: true," : "";
    return `tls { cert_file: ${file("cert.pem", identity.certificate)}, key_file: ${file("key.pem", identity.key)}, ${authority} ${first} timeout: 20 }`;
  }
}

/** Tests of NATS need NATS: without a server they fail, and say how to get one. */
function programOf(version: "current" | "old"): string {
  const variable = version === "old" ? "NATS_OLD_SERVER_BIN" : "NATS_SERVER_BIN";
  const program = process.env[variable];
  if (program !== undefined && program !== "") return program;
  throw new Error(
    `${variable} is not set: it names the program nats-server${version === "old" ? " of version 2.10" : ""} that this test starts.`,
  );
}

/** A network between a client and a server of this machine, which can fail in the ways that networks do. */
export class TestNetwork implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #state: "open" | "cut" | "frozen" = "open";

  static async to(target: number): Promise<TestNetwork> {
    const network = new TestNetwork(target);
    await new Promise<void>((resolve) => network.#server.listen(0, "127.0.0.1", resolve));
    return network;
  }

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#join(socket));
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("The network is closed.");
    return address.port;
  }

  /** How many ends of connections there are: two for each. */
  get ends(): number {
    return this.#sockets.size;
  }

  /** Breaks all connections, and those that come. */
  cut(): void {
    this.#state = "cut";
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Swallows all, both ways, without a word: as a cable that is pulled. */
  freeze(): void {
    this.#state = "frozen";
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  /** New connections work again; those that were frozen break. */
  mend(): void {
    if (this.#state === "frozen") for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#state = "open";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket): void {
    this.#keep(near);
    if (this.#state === "cut") near.resetAndDestroy();
    if (this.#state !== "open") return;
    const far = connect({ host: "127.0.0.1", port: this.#target });
    this.#keep(far);
    near.once("close", () => far.destroy());
    far.once("close", () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
  }
}
