import { writeFileSync } from "node:fs";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Mark } from "../../base/descendants.ts";
import type { WorkerSettings } from "../../contracts/worker-env.ts";
import { WorkerExitCode } from "../../contracts/worker-exit-code.ts";
import { connectNats } from "../../wire/nats/connect-nats.ts";
import { NatsWay } from "../nats-way.ts";
import { complain, leave } from "../run-worker.ts";
import { Worker } from "../worker.ts";
import type { FromLane, ToLane } from "./lane-messages.ts";
import { WaitingLanes } from "./waiting-lanes.ts";

/** Where memory is short, the system ends such a process before the one that started it. */
const OOM_SCORE = "500";

/** What is there before a run is. */
interface Prepared {
  readonly connection: Promise<NatsConnection>;
  readonly lanes: WaitingLanes;
  readonly mark: Mark;
}

/**
 * Runs this process as a lane of a pool's worker, which tells it for which run. A process works for one run alone, so that
 * whatever that run's tasks do to it costs no other run anything.
 */
export function runLane(): void {
  let prepared: Prepared | undefined;
  let worker: Worker | undefined;
  // Whoever reads what is printed may be gone.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  try {
    writeFileSync("/proc/self/oom_score_adj", OOM_SCORE);
  } catch {
    // Not on every system.
  }
  const drain = (): void => {
    if (worker === undefined) process.exit(WorkerExitCode.done);
    worker.drain();
  };
  process.on("message", (message: ToLane) => {
    switch (message.type) {
      case "prepare":
        prepared = prepare(message);
        return;
      case "serve":
        worker = serve(message.settings, prepared!);
        return;
      case "wake":
        worker?.wake();
        return;
      case "rest":
        worker?.rest();
        return;
      case "drain":
        drain();
        return;
    }
  });
  // Whoever started it has been killed: what runs is finished, and nothing more begins.
  process.on("disconnect", drain);
  process.on("SIGTERM", drain);
  process.on("SIGINT", () => {});
}

function prepare({ address, nats, workerId, mark, memoryLimit }: ToLane & { type: "prepare" }): Prepared {
  const connection = connectNats(NatsWay.target({ address, nats }), { name: `muster lane ${workerId}` });
  const lanes = new WaitingLanes({
    workerId,
    mark,
    memoryLimit,
    broken: (reason) => {
      complain(reason);
      process.exit(WorkerExitCode.broken);
    },
  });
  connection.then(
    () => tell({ type: "prepared" }),
    (error: Error) => {
      complain(error.message);
      process.exit(WorkerExitCode.noEngine);
    },
  );
  return { connection, lanes, mark };
}

function serve(settings: WorkerSettings, { connection, lanes, mark }: Prepared): Worker {
  return new Worker({
    settings,
    way: new NatsWay(settings, connection),
    mark,
    lanes: (options) => lanes.use(options),
    ended: (end) => leave(end, mark),
    turns: {
      ready: () => tell({ type: "ready" }),
      rested: (turn) => tell({ type: "rested", turn }),
    },
  });
}

function tell(message: FromLane): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}
