import type { NatsConnection } from "@nats-io/transport-node";
import { type Clock, systemClock } from "../../base/clock.ts";
import { toError } from "../../base/errors.ts";
import { withDeadline } from "../../base/wait.ts";
import { checkServer, type ServerNeeds } from "./check-server.ts";
import { authenticatorOf } from "./client-options.ts";
import { connectClient, isCancelled, isLate, type Reached, type Wait } from "./connect-client.ts";
import { connectError } from "./explain-connect.ts";
import { keepUp } from "./keep-up.ts";
import type { NatsServer } from "./nats-address.ts";
import { NatsCall, NotNatsError } from "./nats-call.ts";
import { NatsError } from "./nats-error.ts";
import type { NatsTarget } from "./nats-options.ts";

export interface ConnectNatsOptions extends ServerNeeds {
  /** Who this is, in the server's monitoring: `"muster run-3f9a1c driver"`. */
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
  /** Whether the connection does not hear what is published on itself. @default false */
  readonly noEcho?: boolean;
  readonly clock?: Clock;
}

/**
 * Connects to one of the servers, and checks that it can be used. The connection connects again whenever it is lost, for
 * as long as it takes, whatever the server says to it: whoever uses it decides how long is too long. Once it is closed,
 * nothing of it stays, in whatever state it was.
 * @throws NatsError that says with which server what is wrong, why, and what to do
 * @throws InvalidOptionError for a seed that has the form of one, and is none
 * @throws MusterError `CANCELLED` when the signal fires
 */
export async function connectNats(target: NatsTarget, options: ConnectNatsOptions): Promise<NatsConnection> {
  const { signal, clock = systemClock } = options;
  const until = clock.now() + target.connectTimeoutMs;
  const wait = (): Wait => ({ timeoutMs: Math.max(1, until - clock.now()), signal, clock });
  const authenticator = authenticatorOf(target.secrets().credentials);
  const release = claimKind(target);
  try {
    const reached = await reachOne(target, wait());
    const connection = await connectClient({ target, reached, authenticator, wanted: options, wait });
    keepUp(connection);
    void connection.closed().then(release);
    try {
      const checking = checkServer(connection, options, { address: reached.server.address, ...wait() });
      await withDeadline(checking, "The check of the NATS server", { signal, clock });
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  } catch (error) {
    release();
    throw error;
  }
}

/** The first of all servers to answer: that some do not is no trouble. */
async function reachOne(target: NatsTarget, wait: Wait): Promise<Reached> {
  const calls = target.servers.map((server) => ({ server, call: new NatsCall(server, target.tls) }));
  const failures = new Map<NatsServer, Error>();
  let reached: Reached | undefined;
  try {
    reached = await Promise.any(
      calls.map(async ({ server, call }) => {
        try {
          return await withDeadline(reach(server, call, target), "The connect", wait);
        } catch (error) {
          const isSilent = isLate(error) && call.isHeard;
          const seconds = (target.connectTimeoutMs / 1000).toFixed(1);
          failures.set(
            server,
            isSilent ? new NotNatsError(`it says nothing for ${seconds} s`) : toError(error),
          );
          throw error;
        }
      }),
    );
    return reached;
  } catch (error) {
    const cancelled = [...failures.values()].find(isCancelled);
    if (cancelled !== undefined) throw cancelled;
    if (failures.size === 0) throw error;
    throw connectError(
      target.servers.map((server) => ({ server, error: failures.get(server)! })),
      target,
    );
  } finally {
    const ended = calls.map(({ server, call }) => ({ server, end: call.end() }));
    // The others may have to be waited for, and nobody goes on with them.
    await ended.find(({ server }) => server === reached?.server)?.end;
  }
}

async function reach(server: NatsServer, call: NatsCall, { tls }: NatsTarget): Promise<Reached> {
  if (server.scheme.startsWith("ws")) {
    await call.takesWebSocket();
    return { server, usesTls: false };
  }
  const { tls_required: isRequired, tls_available: isAvailable } = await call.greeting();
  return { server, usesTls: tls !== undefined || isRequired === true || isAvailable === true };
}

const open = { sockets: 0, webSockets: 0 };

/**
 * The client has one kind of transport at a time, for all connections of the process: one that connects again would get
 * that of the last that was made.
 */
function claimKind(target: NatsTarget): () => void {
  const [own, other] = target.isWeb
    ? (["webSockets", "sockets"] as const)
    : (["sockets", "webSockets"] as const);
  if (open[other] > 0)
    throw new NatsError(
      "UNSUITABLE",
      `The NATS server at ${target.address} cannot be used now: this process is connected to one ${own === "sockets" ? "through WebSockets" : "without WebSockets"}, and the client of NATS can do only one of the two at a time. Use addresses of one kind.`,
    );
  open[own]++;
  let isReleased = false;
  return () => {
    if (!isReleased) open[own]--;
    isReleased = true;
  };
}
