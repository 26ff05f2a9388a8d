import { request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { connect, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { Authenticator, ServerInfo } from "@nats-io/transport-node";
import { withDeadline } from "../../base/wait.ts";
import type { NatsServer } from "./nats-address.ts";
import { checkIdentity, type NatsTls } from "./nats-tls.ts";

/** What answers speaks something else than NATS. */
export class NotNatsError extends Error {}

/** The connection is closed where the server would say something. */
export class ClosedByServerError extends Error {}

/** What the server says in an `-ERR`. */
export class ServerSaysError extends Error {}

const INFO = /^INFO\s+(\{.*\})\s*$/;
/** The longest line that is waited for, in bytes: a server of a large cluster names all others in its first one. */
const MAX_LINE = 1 << 20;
/** The server has so long to notice that the call is over, in milliseconds. */
const HANG_UP_MS = 500;
/** So many characters of what is no NATS are shown. */
const SHOWN = 40;

/**
 * A few words with one server, before the client connects or after it has failed to: this can be ended at any time, and
 * tells failures apart, where the client would say "timeout" for many, and keep its socket open after that.
 */
export class NatsCall {
  readonly #server: NatsServer;
  readonly #tls: NatsTls | undefined;
  #socket: Socket | undefined;
  #failure: Error | undefined;
  #isEnded = false;
  #isHeard = false;

  constructor(server: NatsServer, tls: NatsTls | undefined) {
    this.#server = server;
    this.#tls = tls;
  }

  /** Whether somebody takes the connection, whatever follows. */
  get isHeard(): boolean {
    return this.#isHeard;
  }

  /** What the server says first. */
  async greeting(): Promise<ServerInfo> {
    const { host, port } = this.#server;
    await this.#opened(connect({ host, port }), "connect");
    this.#isHeard = true;
    if (this.#tls?.isFirst === true) await this.#secure();
    const line = await this.#line();
    const info = INFO.exec(line)?.[1];
    if (info === undefined)
      throw new NotNatsError(`it says ${JSON.stringify(line.trimEnd().slice(0, SHOWN))}`);
    return JSON.parse(info) as ServerInfo;
  }

  /** Goes on until the server has let this program in, as it would the client. */
  async letIn(authenticator: Authenticator | undefined): Promise<void> {
    const info = await this.greeting();
    const isSecured = this.#tls?.isFirst === true;
    if (!isSecured && (this.#tls !== undefined || info.tls_required === true)) await this.#secure();
    const words = {
      protocol: 1,
      verbose: false,
      pedantic: false,
      tls_required: this.#tls !== undefined,
      lang: "nats.js",
      headers: true,
      no_responders: true,
      ...authenticator?.(info.nonce),
    };
    this.#socket!.write(`CONNECT ${JSON.stringify(words)}\r\nPING\r\n`);
    for (;;) {
      const line = await this.#line();
      if (/^PONG/i.test(line)) return;
      const says = /^-ERR\s+'?(.*?)'?\s*$/i.exec(line)?.[1];
      if (says !== undefined) throw new ServerSaysError(says);
    }
  }

  /** Whether there is a server that takes WebSockets; what it says in them, Node's client alone can tell. */
  takesWebSocket(): Promise<void> {
    const { scheme, address } = this.#server;
    const request = scheme === "wss" ? secureRequest : plainRequest;
    const url = address.replace(/^ws/, "http");
    const headers = {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": Buffer.alloc(16).toString("base64"),
    };
    return new Promise((resolve, reject) => {
      const asked = request(url, { headers, agent: false, ...this.#secureOptions() });
      asked.on("socket", (socket) => this.#keep(socket));
      asked.on("upgrade", () => resolve());
      asked.on("response", ({ statusCode, statusMessage }) =>
        reject(
          new NotNatsError(`it answers ${statusCode} ${statusMessage} when it is asked for a WebSocket`),
        ),
      );
      asked.on("error", (error: NodeJS.ErrnoException) =>
        // These are of the parser of HTTP.
        reject(error.code?.startsWith("HPE_") === true ? new NotNatsError("it speaks no HTTP") : error),
      );
      asked.end();
    });
  }

  #whyClosed(): Error {
    return this.#failure ?? new ClosedByServerError("it closes the connection");
  }

  /** Hangs up, and resolves when the server has noticed: until then it counts as a connection. */
  async end(): Promise<void> {
    this.#isEnded = true;
    const socket = this.#socket;
    if (socket === undefined || socket.closed) return;
    if (socket.connecting) {
      socket.destroy();
      return;
    }
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.resume().end();
    await withDeadline(closed, "The end of a call", { timeoutMs: HANG_UP_MS }).catch(() => socket.destroy());
  }

  /** Keeps it for the end. */
  #keep(socket: Socket): void {
    this.#socket = socket;
    socket.on("error", (error) => {
      this.#failure ??= error;
    });
    if (this.#isEnded) socket.destroy();
  }

  async #opened(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
    this.#keep(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once(event, resolve);
      socket.once("close", () => reject(this.#whyClosed()));
    });
  }

  #secure(): Promise<void> {
    const socket = connectTls({ socket: this.#socket!, ...this.#secureOptions() });
    return this.#opened(socket, "secureConnect");
  }

  #secureOptions(): ConnectionOptions {
    const { host } = this.#server;
    const { ca, context, serverName } = this.#tls ?? {};
    return {
      ...(context === undefined ? {} : { secureContext: context }),
      servername: serverName ?? nameOf(host),
      rejectUnauthorized: true,
      checkServerIdentity: (_name, certificate) => checkIdentity({ ca, serverName }, host, certificate),
    };
  }

  #line(): Promise<string> {
    const socket = this.#socket!;
    return new Promise((resolve, reject) => {
      let bytes = Buffer.alloc(0);
      const settle = (): void => void socket.off("data", onData).off("close", onClose).pause();
      const onData = (chunk: Buffer): void => {
        bytes = Buffer.concat([bytes, chunk]);
        const end = bytes.indexOf("\n") + 1;
        if (end === 0 && bytes.length <= MAX_LINE) return;
        settle();
        if (end === 0) reject(new NotNatsError("it says a line that does not end"));
        else resolve(bytes.toString("utf8", 0, end));
        if (end > 0 && end < bytes.length) socket.unshift(bytes.subarray(end));
      };
      const onClose = (): void => {
        settle();
        reject(this.#whyClosed());
      };
      if (socket.closed) onClose();
      else socket.on("data", onData).on("close", onClose).resume();
    });
  }
}

/** What is told to a server that has several names: an address is no name. */
function nameOf(host: string): string {
  return isIP(host) === 0 ? host : "";
}
