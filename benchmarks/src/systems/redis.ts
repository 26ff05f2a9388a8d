import { connect } from "node:net";

/** `maxRetriesPerRequest` is what BullMQ asks of a worker's connection. */
export const REDIS = { host: "127.0.0.1", port: 6379, maxRetriesPerRequest: null };
const PROBE_DEADLINE_MS = 1_000;

/** Why there is no Redis. Waits for the answer to a `PING`, so that another server on that port is no Redis. */
export async function redisMissing(): Promise<string | undefined> {
  const socket = connect({ host: REDIS.host, port: REDIS.port, timeout: PROBE_DEADLINE_MS });
  try {
    const answer = new Promise<string>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("timeout", () => reject(new Error("no answer")));
      socket.once("data", (data) => resolve(data.toString()));
    });
    socket.write("PING\r\n");
    const text = await answer;
    return text.startsWith("+PONG")
      ? undefined
      : `${REDIS.host}:${REDIS.port} is no Redis: it says ${text.trim()}`;
  } catch (error) {
    return `no Redis at ${REDIS.host}:${REDIS.port}: ${(error as Error).message}`;
  } finally {
    socket.destroy();
  }
}
