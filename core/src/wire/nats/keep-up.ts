import type { EventEmitter } from "node:events";
import type { NatsConnection, NatsConnectionImpl } from "@nats-io/transport-node";

/** What is inside of the client's transports: a socket, or a WebSocket. */
interface Transport {
  readonly socket?: { destroy?(): void; terminate?(): void } & Partial<EventEmitter>;
  /** Also ends one that has no socket yet, as soon as it has. */
  discard(): void;
}

/**
 * Does what the client leaves undone.
 * - A link that swallows all is given up after some pings, but closed only once all that waits to be sent is sent, which
 *   it never is: it is torn down here, so that the client connects again.
 * - A connection that is closed while it tries to connect again leaves its socket open, for minutes, or even opens one.
 * - One that is closed while the server hangs up takes its listeners from a socket to which it has just written: that this
 *   fails would end the process.
 */
export function keepUp(connection: NatsConnection): void {
  const { protocol } = connection as NatsConnectionImpl;
  const transport = (): Transport => protocol.transport as unknown as Transport;
  keepErrorsHeard(transport());
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === "staleConnection") tearDown(transport());
      if (status.type === "reconnect") keepErrorsHeard(transport());
    }
  })();
  void connection.closed().then(() => {
    protocol.dial = () => Promise.reject(new Error("The connection is closed."));
    transport().discard();
    tearDown(transport());
  });
}

function keepErrorsHeard({ socket }: Transport): void {
  const removeAll = socket?.removeAllListeners?.bind(socket);
  if (removeAll === undefined) return;
  socket!.removeAllListeners = (event) => removeAll(event).on("error", () => {});
}

function tearDown({ socket }: Transport): void {
  socket?.destroy?.();
  socket?.terminate?.();
}
