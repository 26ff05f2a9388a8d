import { connect, type Socket } from "node:net";
import { KEEP_ALIVE_MS } from "./limits.ts";
import { preamble } from "./protocol.ts";

export interface DialTarget {
  readonly at: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly token: string;
  /** PEM of the one certificate to trust; undefined: without TLS. */
  readonly certificate: string | undefined;
}

/**
 * Connects to the driver, and says who is there: what is written to the socket follows that.
 * @param opened called when the driver is reached, and is the one that the certificate names
 */
export function dial({ at, token, certificate }: DialTarget, opened: () => void = () => {}): Socket {
  const socket = certificate === undefined ? connect(at, opened) : connectTls(at, certificate, opened);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  const greeting = preamble(token);
  socket.write(greeting, () => greeting.fill(0));
  return socket;
}

function connectTls(at: DialTarget["at"], certificate: string, opened: () => void): Socket {
  // Not imported: a worker that needs no TLS starts some milliseconds sooner without.
  const socket = process.getBuiltinModule("node:tls").connect({
    ...at,
    ca: certificate,
    minVersion: "TLSv1.3",
    // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    rejectUnauthorized: true,
    // The certificate was made for this run, and its key is nobody else's: its name need not be the host's.
    checkServerIdentity: () => undefined,
  });
  // Nothing leaves before the other end has proved that it is the driver.
  socket.cork();
  socket.once("secureConnect", () => {
    socket.uncork();
    opened();
  });
  return socket;
}
