import { writeFileSync } from "node:fs";
import type { NatsConnection } from "@nats-io/transport-node";
import type { WorkerSettings } from "../../contracts/worker-env.ts";
import { WorkerExitCode } from "../../contracts/worker-exit-code.ts";
import { connectNats } from "../../wire/nats/connect-nats.ts";
import { NatsWay } from "../nats-way.ts";
import { complain, leave } from "../run-worker.ts";
import { Worker } from "../worker.ts";
import type { FromLane, ToLane } from "./lane-messages.ts";

/** Where memory is short, the system ends such a process before the one that started it. */
const OOM_SCORE = "500";

/**
 * Runs this process as a lane of a pool's worker, which tells it for which run. A process works for one run alone, so that
 * whatever that run's tasks do to it costs no other run anything.
 */
export function runLane(): void {
  let connection: Promise<NatsConnection> | undefined;
  let worker: Worker | undefined;
  const tell = (message: FromLane): void => {
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  };
  // Whoever reads what is printed may be gone.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  try {
    writeFileSync("/proc/self/oom_score_adj", OOM_SCORE);
  } catch {
    // Not on every system.
  }
  process.on("message", (message: ToLane) => {
    switch (message.type) {
      case "prepare": {
        const { address, nats } = message;
        connection = connectNats(NatsWay.target({ address, nats }), { name: `muster lane ${process.pid}` });
        connection.then(
          () => tell({ type: "prepared" }),
          (error: Error) => {
            complain(error.message);
            process.exit(WorkerExitCode.noEngine);
          },
        );
        return;
      }
      case "serve":
        worker = serve(message.settings, connection!, tell);
        return;
      case "wake":
        worker?.wake();
        return;
      case "rest":
        worker?.rest();
        return;
      case "drain":
        if (worker === undefined) process.exit(WorkerExitCode.done);
        worker.drain();
        return;
    }
  });
  // Whoever started it has been killed: what runs is finished, and nothing more begins.
  process.on("disconnect", () => {
    if (worker === undefined) process.exit(WorkerExitCode.done);
    worker.drain();
  });
  process.on("SIGTERM", () => worker?.drain());
  process.on("SIGINT", () => {});
}

function serve(
  settings: WorkerSettings,
  connection: Promise<NatsConnection>,
  tell: (message: FromLane) => void,
): Worker {
  return new Worker({
    settings,
    way: new NatsWay(settings, connection),
    ended: (end) => leave(end, settings),
    turns: {
      ready: () => tell({ type: "ready" }),
      rested: (turn) => tell({ type: "rested", turn }),
    },
  });
}
