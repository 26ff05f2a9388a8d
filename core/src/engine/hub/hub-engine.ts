import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, isIPv6, type Server, type Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { MusterError } from "../../base/errors.ts";
import { withDeadline } from "../../base/wait.ts";
import type { EngineEndpoint, HubAddress } from "../../cluster/provider.ts";
import type { WorkerLink } from "../../cluster/worker-link.ts";
import { preamble, TOKEN_BYTES } from "../../wire/protocol.ts";
import type { EngineListener } from "../engine.ts";
import { createIdentity, type Identity } from "./certificate.ts";
import { authenticate } from "./handshake.ts";
import { Pulse } from "./pulse.ts";
import { WorkerHub, type WorkerHubOptions } from "./worker-hub.ts";

export interface HubEngineOptions extends WorkerHubOptions {
  /** Where it listens, with TLS. @default the loopback interface, without TLS */
  readonly address?: HubAddress | undefined;
}

const LOOPBACK: HubAddress = { listen: "127.0.0.1" };
/** Workers have so long to close their connections, in milliseconds. */
const CLOSE_MS = 1000;
/** Connections that have not shown the token yet; more are closed, so that strangers cost little. */
const MAX_STRANGERS = 256;

/**
 * The engine that is embedded in the driver: a server that workers dial out to. It listens on one address, and hears
 * nobody who does not show the token of the run first. Off the loopback interface it speaks TLS 1.3 alone, with a
 * certificate made for the run, which workers pin.
 */
export class HubEngine extends WorkerHub implements WorkerLink {
  readonly #address: HubAddress;
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
    this.#address = options.address ?? LOOPBACK;
    if (options.address !== undefined) {
      this.#identity = createIdentity();
      const { key, certificate: cert } = this.#identity;
      this.#secureContext = createSecureContext({ key, cert, minVersion: "TLSv1.3" });
    }
    this.#token = randomBytes(TOKEN_BYTES).toString("hex");
    this.#preamble = preamble(this.#token);
    this.#server = createServer((socket) => void this.#admit(socket));
  }

  get endpoint(): EngineEndpoint {
    if (this.#endpoint === undefined) throw new MusterError("INTERNAL", "The hub has not been started.");
    return this.#endpoint;
  }

  protected override async open(listener: EngineListener): Promise<void> {
    await super.open(listener);
    const { listen, dial = listen } = this.#address;
    await this.#listen(listen);
    const { port } = this.#server.address() as AddressInfo;
    const protocol = this.#identity === undefined ? "tcp" : "tls";
    const host = isIPv6(dial) ? `[${dial}]` : dial;
    this.#endpoint = {
      address: `${protocol}://${host}:${port}?${await this.#pulseParameter(listen)}`,
      token: this.#token,
      certificate: this.#identity?.certificate,
    };
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

  /** On this machine the operating system knows whether the driver lives; elsewhere a thread of it answers. */
  async #pulseParameter(host: string): Promise<string> {
    if (this.#identity === undefined) return `pid=${process.pid}`;
    this.#pulse = await Pulse.start({ host, preamble: this.#preamble, identity: this.#identity });
    return `pulse=${this.#pulse.port}`;
  }

  async #listen(host: string): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#server.once("error", reject);
        this.#server.listen(0, host, resolve);
      });
    } catch (cause) {
      const why = (cause as Error).message;
      throw new MusterError("CLUSTER_START", `The driver cannot listen for its workers on ${host}: ${why}.`, {
        cause,
      });
    }
  }

  async #admit(raw: Socket): Promise<void> {
    raw.on("error", () => {});
    if (this.#strangers.size >= MAX_STRANGERS) {
      raw.destroy();
      return;
    }
    this.#strangers.add(raw);
    raw.setNoDelay(true);
    const secureContext = this.#secureContext;
    const socket = secureContext === undefined ? raw : new TLSSocket(raw, { isServer: true, secureContext });
    const isFriend = await authenticate(socket, this.#preamble);
    this.#strangers.delete(raw);
    if (isFriend) this.accept(socket);
    else raw.destroy();
  }
}
