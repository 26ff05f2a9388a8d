import { isIP } from "node:net";
import type { PeerCertificate } from "node:tls";
import {
  type Authenticator,
  type ConnectionOptions,
  credsAuthenticator,
  nkeyAuthenticator,
  type Server,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
  type WsConnectionOptions,
  type WsSocketFactory,
} from "@nats-io/transport-node";
import { WebSocket } from "ws";
import { InvalidOptionError } from "../../base/errors.ts";
import type { NatsServer } from "./nats-address.ts";
import type { NatsCredentials } from "./nats-credentials.ts";
import type { NatsTarget } from "./nats-options.ts";
import { checkIdentity } from "./nats-tls.ts";

/** As the client of NATS takes it: with a port in any case, and of a WebSocket the whole. */
export function clientAddress({ scheme, address }: NatsServer): string {
  return scheme.startsWith("ws") ? address : address.replace(/^\w+:\/\//, "");
}

/**
 * What answers the server's challenge. It keeps secrets out of the options, which the connection shows to whoever
 * inspects it.
 * @throws InvalidOptionError for what has the form of a secret and is none
 */
export function authenticatorOf(credentials: NatsCredentials | undefined): Authenticator | undefined {
  if (credentials === undefined) return undefined;
  const encoded = (text: string): Uint8Array => new TextEncoder().encode(text);
  switch (credentials.kind) {
    case "user":
      return usernamePasswordAuthenticator(credentials.user, credentials.password);
    case "token":
      return tokenAuthenticator(credentials.token);
    case "nkey":
      return tried(nkeyAuthenticator(encoded(credentials.seed)), "nkey");
    case "creds":
      return tried(credsAuthenticator(encoded(credentials.content)), "creds");
  }
}

/** Tried here: one that throws later ends the connection without a word. */
function tried(authenticator: Authenticator, option: string): Authenticator {
  try {
    authenticator("a challenge");
  } catch (error) {
    throw new InvalidOptionError(
      option,
      `The seed in ${option} cannot be used: ${(error as Error).message}. A seed of a user begins with SU, and its end is a check of the rest.`,
    );
  }
  return authenticator;
}

/** How the client reaches its servers: with what TLS, and, for WebSockets, with a library that can end one at once. */
export function transportOptions({ isWeb, tls }: NatsTarget, usesTls: boolean): WsConnectionOptions {
  let host = "";
  const secure = {
    secureContext: tls?.context,
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
    rejectUnauthorized: true,
    // The client itself would look for the name "localhost" where the server is addressed by a number.
    checkServerIdentity: (_name: string, certificate: PeerCertificate) =>
      checkIdentity(tls ?? { ca: undefined, serverName: undefined }, host, certificate),
  };
  // Called before each try to connect, with the server that is tried first.
  const reconnectToServer: ConnectionOptions["reconnectToServer"] = ([server]) => {
    host = server === undefined ? host : nameOf(server);
    return null;
  };
  if (isWeb) return { reconnectToServer, wsFactory: (url) => Promise.resolve(webSocket(url, secure)) };
  return usesTls ? { reconnectToServer, tls: { ...secure, handshakeFirst: tls?.isFirst ?? false } } : {};
}

function webSocket(url: string, secure: object): Awaited<ReturnType<WsSocketFactory>> {
  const options = { ...secure, perMessageDeflate: false, skipUTF8Validation: true };
  const socket = new WebSocket(url, options) as unknown as globalThis.WebSocket;
  return { socket, encrypted: url.startsWith("wss:") };
}

/** Of a server that others have told of, by its number, the certificate has the name of those. */
function nameOf({ hostname, tlsName }: Server): string {
  return isIP(hostname) !== 0 && tlsName !== "" ? tlsName : hostname;
}
