import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { docker } from "./docker-containers.ts";

/** A way to the engine that can be cut. */
export class EngineProxy implements AsyncDisposable {
  readonly path: string;
  readonly #directory: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  #isHeld = false;

  readonly #edit: (text: string) => string;

  private constructor(directory: string, edit: (text: string) => string) {
    this.#directory = directory;
    this.#edit = edit;
    this.path = join(directory, "docker.sock");
    this.#server = createServer((socket) => this.#pass(socket));
  }

  /** @param edit changes what the engine answers, and not its length */
  static async start(edit: (text: string) => string = (text) => text): Promise<EngineProxy> {
    const proxy = new EngineProxy(mkdtempSync(join(tmpdir(), "muster-proxy-")), edit);
    await new Promise<void>((resolve) => proxy.#server.listen(proxy.path, resolve));
    return proxy;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets nothing through, and ends nothing. */
  hold(): void {
    this.#isHeld = true;
    for (const socket of this.#sockets) socket.pause();
  }

  mend(): void {
    this.#isCut = false;
    this.#isHeld = false;
    for (const socket of this.#sockets) socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#directory, { recursive: true });
  }

  #pass(socket: Socket): void {
    if (this.#isCut) {
      socket.destroy();
      return;
    }
    if (this.#isHeld) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      return;
    }
    const { socketPath = "/var/run/docker.sock" } = docker.modem as { socketPath?: string };
    const engine = connect(typeof socketPath === "string" ? socketPath : "/var/run/docker.sock");
    for (const [one, other] of [
      [socket, engine],
      [engine, socket],
    ] as const) {
      this.#sockets.add(one);
      if (one === socket) one.pipe(other);
      else {
        one.on("data", (bytes: Buffer) => {
          other.write(Buffer.from(this.#edit(bytes.toString("latin1")), "latin1"));
        });
        one.on("end", () => other.end());
      }
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  }
}
