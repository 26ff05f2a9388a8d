import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { preamble } from "../wire/protocol.ts";

export interface DialTarget {
  readonly host: string;
  readonly port: number;
  readonly token: string;
  /** PEM of the one certificate to trust; undefined: without TLS. */
  readonly certificate: string | undefined;
}

/** Connects to the driver, and says who is there: what is written to the socket follows that. */
export function dial({ host, port, token, certificate }: DialTarget): Socket {
  if (certificate === undefined) {
    const socket = connectTcp({ host, port });
    socket.write(preamble(token));
    return socket;
  }
  const socket = connectTls({
    host,
    port,
    ca: certificate,
    minVersion: "TLSv1.3",
    // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    rejectUnauthorized: true,
    // The certificate was made for this run, and its key is nobody else's: its name need not be the host's.
    checkServerIdentity: () => undefined,
  });
  // Nothing leaves before the other end has proved that it is the driver.
  socket.cork();
  socket.once("secureConnect", () => socket.uncork());
  socket.write(preamble(token));
  return socket;
}
