import { connect } from "node:net";
import { TemporaryClusterExecutor } from "@muster/core";
import { LocalCluster } from "@muster/local";
import { type SessionSystem, WORKERS } from "../system.ts";
import { musterSystem } from "./muster-session.ts";

/** A server that is there, as BullMQ's Redis is: without TLS, like that. */
const ADDRESS = (process.env["NATS_URL"] ?? "nats://127.0.0.1:4222") as `nats://${string}`;
const PROBE_DEADLINE_MS = 1_000;

/** Workers as processes of this machine, which meet the driver at a server of NATS. */
export const musterNats: SessionSystem = {
  ...musterSystem(
    ({ concurrency }) =>
      new TemporaryClusterExecutor({
        clusterClass: LocalCluster,
        clusterKwargs: { workers: WORKERS, tasksPerThread: concurrency, engine: ADDRESS },
      }),
  ),
  missing: natsMissing,
  leavesOut: {
    deep: "its values lie in the server",
    "waiting-1m": "it is the scheduler's, and the same",
  },
};

/** Why there is no server: the first word of one that is there says INFO. */
function natsMissing(): Promise<string | undefined> {
  const { hostname: host, port } = new URL(ADDRESS);
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: PROBE_DEADLINE_MS });
    const answer = (why: string | undefined): void => {
      socket.destroy();
      resolve(why);
    };
    socket.once("error", ({ message }) => answer(`no server of NATS at ${ADDRESS}: ${message}`));
    socket.once("timeout", () => answer(`no server of NATS at ${ADDRESS}: no answer`));
    socket.once("data", (data) =>
      answer(data.toString().startsWith("INFO ") ? undefined : `${ADDRESS} is no server of NATS`),
    );
  });
}
