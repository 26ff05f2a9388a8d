import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { createIdentity, type Identity } from "../../base/certificate.ts";
import { MusterError } from "../../base/errors.ts";
import { withDeadline } from "../../base/wait.ts";
import type { EngineListener } from "../../contracts/engine.ts";
import type { EngineEndpoint, HubAddress } from "../../contracts/provider.ts";
import type { WorkerLink } from "../../contracts/worker-link.ts";
import { KEEP_ALIVE_MS } from "../../wire/limits.ts";
import { preamble, TOKEN_BYTES } from "../../wire/protocol.ts";
import { authenticate } from "./handshake.ts";
import { Pulse } from "./pulse.ts";
import { WorkerHub, type WorkerHubOptions } from "./worker-hub.ts";

export interface HubEngineOptions extends WorkerHubOptions {
  /** Where it listens, with TLS. @default a socket in the run's directory, which no network reaches */
  readonly address?: HubAddress | undefined;
}

/** In the run's own directory, which is this user's alone. */
const SOCKET_FILE = "hub";
/** Workers have so long to close their connections, in milliseconds. */
const CLOSE_MS = 1000;
/** Connections that have not shown the token yet; more are closed, so that strangers cost little. */
const MAX_STRANGERS = 4096;

/**
 * The engine that is embedded in the driver: a server that workers dial out to. It hears nobody who does not show the
 * token of the run first. Workers on this machine reach it at a socket that is a file, which is faster than the
 * loopback interface by a third and opens no port; others at one address, where it speaks TLS 1.3 alone, with a
 * certificate made for the run, which they pin.
 */
export class HubEngine extends WorkerHub implements WorkerLink {
  readonly #address: HubAddress | undefined;
  readonly #identity: Identity | undefined;
  readonly #secureContext: SecureContext | undefined;
  readonly #preamble: Buffer;
  readonly #token: string;
  readonly #server: Server;
  readonly #strangers = new Set<Socket>();
  #pulse: Pulse | undefined;
  #endpoint: EngineEndpoint | undefined;

  constructor(options: HubEngineOptions) {
    super(options);
    this.#address = options.address;
    if (options.address !== undefined) {
      this.#identity = createIdentity();
      const { key, certificate: cert } = this.#identity;
      this.#secureContext = createSecureContext({ key, cert, minVersion: "TLSv1.3" });
    }
    this.#token = randomBytes(TOKEN_BYTES).toString("hex");
    this.#preamble = preamble(this.#token);
    this.#server = createServer((socket) => void this.#admit(socket));
  }

  protected get isOnThisMachine(): boolean {
    return this.#address === undefined;
  }

  get endpoint(): EngineEndpoint {
    if (this.#endpoint === undefined) throw new MusterError("INTERNAL", "The hub has not been started.");
    return this.#endpoint;
  }

  protected override async open(listener: EngineListener): Promise<void> {
    await super.open(listener);
    const address = this.#address === undefined ? await this.#openHere() : await this.#openTo(this.#address);
    this.#endpoint = { address, token: this.#token, certificate: this.#identity?.certificate };
  }

  /** For workers on this machine, which can ask the operating system whether the driver lives. */
  async #openHere(): Promise<string> {
    const pulse = `pid=${process.pid}`;
    if (process.platform === "win32") {
      await this.#listen({ host: "127.0.0.1", port: 0 });
      return `tcp://127.0.0.1:${(this.#server.address() as AddressInfo).port}?${pulse}`;
    }
    const path = this.blobs.path(SOCKET_FILE);
    await this.#listen({ path });
    return `unix://${path}?${pulse}`;
  }

  /** For workers elsewhere, for whom a thread of this process answers that the driver lives. */
  async #openTo({ listen, dial = listen }: HubAddress): Promise<string> {
    await this.#listen({ host: listen, port: 0 });
    const { port } = this.#server.address() as AddressInfo;
    this.#pulse = await Pulse.start({ host: listen, preamble: this.#preamble, identity: this.#identity! });
    return `tls://${isIPv6(dial) ? `[${dial}]` : dial}:${port}?pulse=${this.#pulse.port}`;
  }

  protected override async end(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const stranger of this.#strangers) stranger.destroy();
    await super.end();
    try {
      await withDeadline(closed, "The hub's end", { timeoutMs: CLOSE_MS });
    } catch {
      this.cutConnections();
    }
    await this.#pulse?.close();
  }

  async #listen(at: { host: string; port: number } | { path: string }): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(at, resolve);
      });
      // A connection that cannot be accepted is that worker's trouble, which tries again; not the driver's end.
      this.#server.on("error", () => {});
    } catch (cause) {
      const why = (cause as Error).message;
      throw new MusterError(
        "CLUSTER_START",
        `The driver cannot listen for its workers on ${"path" in at ? at.path : at.host}: ${why}.`,
        {
          cause,
        },
      );
    }
  }

  async #admit(raw: Socket): Promise<void> {
    raw.on("error", () => {});
    if (this.#strangers.size >= MAX_STRANGERS) {
      // The oldest has had the most time to say who it is; workers that dial all at once must not be refused.
      const [oldest] = this.#strangers;
      oldest?.destroy();
    }
    this.#strangers.add(raw);
    raw.setNoDelay(true);
    raw.setKeepAlive(true, KEEP_ALIVE_MS);
    const secureContext = this.#secureContext;
    const socket = secureContext === undefined ? raw : new TLSSocket(raw, { isServer: true, secureContext });
    const isFriend = await authenticate(socket, this.#preamble);
    this.#strangers.delete(raw);
    if (isFriend) this.accept(socket);
    else raw.destroy();
  }
}
