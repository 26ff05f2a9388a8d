import { randomBytes } from "node:crypto";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { MusterError } from "../../base/errors.ts";
import { withDeadline } from "../../base/wait.ts";
import type { EngineEndpoint } from "../../cluster/provider.ts";
import type { WorkerLink } from "../../cluster/worker-link.ts";
import { preamble, TOKEN_BYTES } from "../../wire/protocol.ts";
import type { EngineListener } from "../engine.ts";
import { authenticate } from "./handshake.ts";
import { WorkerHub, type WorkerHubOptions } from "./worker-hub.ts";

const HOST = "127.0.0.1";
/** Workers have so long to close their connections, in milliseconds. */
const CLOSE_MS = 1000;

/**
 * The engine that is embedded in the driver: a server that workers dial out to. It listens on the loopback interface
 * alone, and hears nobody who does not show the token of the run first.
 */
export class HubEngine extends WorkerHub implements WorkerLink {
  readonly #preamble: Buffer;
  readonly #token: string;
  readonly #server: Server;
  #endpoint: EngineEndpoint | undefined;

  constructor(options: WorkerHubOptions) {
    super(options);
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
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(0, HOST, resolve);
    });
    const { port } = this.#server.address() as AddressInfo;
    this.#endpoint = { address: `tcp://${HOST}:${port}?pid=${process.pid}`, token: this.#token };
  }

  protected override async end(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await super.end();
    try {
      await withDeadline(closed, "The hub's end", { timeoutMs: CLOSE_MS });
    } catch {
      this.cutConnections();
    }
  }

  async #admit(socket: Socket): Promise<void> {
    socket.setNoDelay(true);
    if (await authenticate(socket, this.#preamble)) this.accept(socket);
  }
}
