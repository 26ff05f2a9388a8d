import { hostname } from "node:os";
import { atExit } from "../../base/at-exit.ts";
import { systemClock } from "../../base/clock.ts";
import { WorkerExitCode } from "../../contracts/worker-exit-code.ts";
import { connectNats } from "../../wire/nats/connect-nats.ts";
import { openBucket } from "../../wire/nats/pool/bucket.ts";
import { POOLS_BUCKET, PRESENCE_MS } from "../../wire/nats/pool/pool-names.ts";
import { PoolQueue } from "../../wire/nats/pool/pool-queue.ts";
import { openRuns, RunSweeper } from "../../wire/nats/pool/run-leases.ts";
import { complain } from "../run-worker.ts";
import { poolWorkerId } from "./lane-pool.ts";
import { PoolWorker } from "./pool-worker.ts";
import { type PoolWorkerOptions, readPoolWorkerOptions } from "./pool-worker-options.ts";

/** Runs this process as a worker of a pool, until it is told to end: then it finishes what runs. */
export async function runPoolWorker(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  let options: PoolWorkerOptions;
  try {
    options = readPoolWorkerOptions(args, env);
  } catch (error) {
    complain((error as Error).message);
    process.exit(WorkerExitCode.usage);
  }
  const { target, pool, lanes } = options;
  const id = poolWorkerId(hostname());
  try {
    const connection = await connectNats(target, { name: `muster worker ${id} of pool ${pool}` });
    const queue = await PoolQueue.open(connection, pool);
    const pools = await openBucket(connection, POOLS_BUCKET, PRESENCE_MS);
    const sweeper = new RunSweeper(connection, await openRuns(connection)).start();
    const worker = new PoolWorker(options, { id, connection, queue, pools, complain, clock: systemClock });
    // The last net: whatever ends this process in an orderly way takes its lanes along.
    atExit(() => worker.kill());
    console.error(
      `muster worker ${id}: ${lanes} ${lanes === 1 ? "lane" : "lanes"} for the pool "${pool}" at ${target.address}.`,
    );
    let isLeaving = false;
    const leave = async (): Promise<void> => {
      if (isLeaving) process.exit(WorkerExitCode.done);
      isLeaving = true;
      complain("leaving: what runs is finished first. Again, and it is ended.");
      sweeper.close();
      await worker.leave();
      await connection.close();
      process.exit(WorkerExitCode.done);
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void leave());
  } catch (error) {
    complain((error as Error).message);
    process.exit(WorkerExitCode.noEngine);
  }
}
