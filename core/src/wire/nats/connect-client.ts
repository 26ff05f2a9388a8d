import {
  type Authenticator,
  connect,
  type NatsConnection,
  type WsConnectionOptions,
  wsconnect,
} from "@nats-io/transport-node";
import { MusterError, toError } from "../../base/errors.ts";
import { delay, type WaitOptions, withDeadline } from "../../base/wait.ts";
import { clientAddress, transportOptions } from "./client-options.ts";
import { connectError } from "./explain-connect.ts";
import type { NatsServer } from "./nats-address.ts";
import { NatsCall } from "./nats-call.ts";
import type { NatsTarget } from "./nats-options.ts";

/** A dead link is noticed when the third ping is due and none was answered: after six seconds. In milliseconds. */
const PING_MS = 2000;
const MAX_PINGS_OUT = 2;
/** Between two tries to connect again, and by chance up to as much more, so that not all come at once. */
const RECONNECT_MS = 250;
/** When the client has said nothing for so long, the server is asked what it has against this program. Milliseconds. */
const ASK_AFTER_MS = 1000;

export type Wait = WaitOptions & { readonly timeoutMs: number };

/** A server that answers. */
export interface Reached {
  readonly server: NatsServer;
  /** Whether the connection is to use TLS. */
  readonly usesTls: boolean;
}

interface Call {
  readonly target: NatsTarget;
  readonly reached: Reached;
  readonly authenticator: Authenticator | undefined;
}

export interface ClientConnect extends Call {
  readonly wanted: { readonly name: string; readonly noEcho?: boolean };
  /** What is left of the time. */
  readonly wait: () => Wait;
}

/**
 * The connection of the client of NATS to the server that was reached, and, whenever it is lost, to any of them.
 * @throws NatsError
 */
export async function connectClient(given: ClientConnect): Promise<NatsConnection> {
  const { target, reached, wait } = given;
  const options = clientOptions(given);
  for (;;) {
    const settled = new AbortController();
    const connecting = target.isWeb ? wsconnect(options) : connect(options);
    try {
      const asked = target.isWeb ? [] : [askServer(given, settled.signal)];
      const connection = await withDeadline(Promise.race([connecting, ...asked]), "The connect", wait());
      if (connection !== undefined) return connection;
      connecting.then((late) => late.close()).catch(() => {});
    } catch (thrown) {
      connecting.then((late) => late.close()).catch(() => {});
      const error = toError(thrown);
      if (isCancelled(error)) throw error;
      throw connectError([{ server: reached.server, error }], target);
    } finally {
      settled.abort();
    }
  }
}

function clientOptions({ target, reached, authenticator, wanted }: ClientConnect): WsConnectionOptions {
  const others = target.servers.filter((server) => server !== reached.server);
  return {
    servers: [reached.server, ...shuffled(others)].map(clientAddress),
    noRandomize: true,
    name: wanted.name,
    noEcho: wanted.noEcho ?? false,
    timeout: target.connectTimeoutMs,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_MS,
    reconnectJitterTLS: RECONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: MAX_PINGS_OUT,
    ...(authenticator === undefined ? {} : { authenticator }),
    ...transportOptions(target, reached.usesTls),
  };
}

/**
 * Asks the server what it has against a client that is still not connected: that one hears only what is about credentials,
 * and waits for the rest of its time where the server says anything else and hangs up. Rejects with what the server
 * says; resolves when it says nothing wrong, so that the client should try again.
 */
async function askServer({ target, reached, authenticator }: Call, settled: AbortSignal): Promise<undefined> {
  const call = new NatsCall(reached.server, target.tls);
  try {
    await delay(ASK_AFTER_MS, { signal: settled });
    await withDeadline(call.letIn(authenticator), "An answer", { signal: settled });
    await delay(ASK_AFTER_MS, { signal: settled });
    return undefined;
  } catch (error) {
    if (settled.aborted) return undefined;
    throw error;
  } finally {
    await call.end();
  }
}

export function isLate(error: unknown): boolean {
  return error instanceof MusterError && error.code === "DEADLINE";
}

export function isCancelled(error: unknown): boolean {
  return error instanceof MusterError && error.code === "CANCELLED";
}

/** In any order, so that the clients of one server do not all go to the same other one. */
function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}
