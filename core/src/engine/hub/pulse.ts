import { Worker } from "node:worker_threads";
import type { Identity } from "../../base/certificate.ts";

/** Plain JavaScript, since a thread that is made of text needs no file to be found. */
const SOURCE = `
const { parentPort, workerData } = require("node:worker_threads");
const { timingSafeEqual } = require("node:crypto");
const { host, preamble, identity } = workerData;
const expected = Buffer.from(preamble);
const listener = (socket) => {
  let received = Buffer.alloc(0);
  socket.setTimeout(5000, () => socket.destroy());
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    received = Buffer.concat([received, chunk.subarray(0, expected.length)]);
    if (received.length < expected.length) return;
    if (timingSafeEqual(received.subarray(0, expected.length), expected)) socket.end("1");
    else socket.destroy();
  });
};
const { key, certificate: cert } = identity;
const server = require("node:tls").createServer({ key, cert, minVersion: "TLSv1.3", handshakeTimeout: 5000 }, listener);
server.maxConnections = 256;
server.listen(0, host, () => parentPort.postMessage(server.address().port));
`;

/**
 * A thread of the driver that answers workers elsewhere who wonder whether the driver lives, also while the flow's own
 * code keeps the main thread busy. It stops with the process: a driver that is stopped or killed has no pulse.
 */
export class Pulse {
  readonly port: number;
  readonly #thread: Worker;

  private constructor(thread: Worker, port: number) {
    this.#thread = thread;
    this.port = port;
  }

  /** Resolves when it answers, on `host`, with TLS. */
  static start(options: {
    readonly host: string;
    readonly preamble: Buffer;
    readonly identity: Identity;
  }): Promise<Pulse> {
    // No options of this process: with --input-type=module the text would be taken for another kind of module.
    const thread = new Worker(SOURCE, { eval: true, execArgv: [], workerData: options });
    return new Promise((resolve, reject) => {
      thread.once("error", reject);
      thread.once("message", (port: number) => {
        thread.unref();
        resolve(new Pulse(thread, port));
      });
    });
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}
