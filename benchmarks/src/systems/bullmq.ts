import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Queue, QueueEvents } from "bullmq";
import {
  type Input,
  type Output,
  type Session,
  type SessionSystem,
  type TaskName,
  WORKERS,
} from "../system.ts";
import { poolSession, workerFile } from "./pool-session.ts";
import { REDIS, redisMissing } from "./redis.ts";

/** Jobs that a worker process has at a time when a workload does not say: with fewer or more, no-op jobs were slower here. */
const DEFAULT_CONCURRENCY = 100;
/** The stream of events must not be trimmed before it is read. */
const MAX_EVENTS = 1_000_000;
const BULK = 5_000;
const JSON_ONLY = "its values are JSON in Redis";

export const bullmq: SessionSystem = {
  kind: "session",
  missing: redisMissing,
  leavesOut: { "value-64mib": JSON_ONLY, "values-1mib": JSON_ONLY },
  use: async (options, body) => {
    const queueName = `muster-bench-${process.pid}-${Date.now()}`;
    const concurrency = options.concurrency ?? DEFAULT_CONCURRENCY;
    const workers = Array.from({ length: WORKERS }, () => startWorker(queueName, concurrency));
    const queue = new Queue(queueName, { connection: REDIS, streams: { events: { maxLen: MAX_EVENTS } } });
    const events = new QueueEvents(queueName, { connection: REDIS });
    try {
      await Promise.all([
        queue.waitUntilReady(),
        events.waitUntilReady(),
        ...workers.map(({ ready }) => ready),
      ]);
      return await body(queueSession(queue, events));
    } finally {
      await Promise.all(workers.map(stopWorker));
      await queue.obliterate({ force: true });
      await Promise.all([queue.close(), events.close()]);
    }
  },
};

/** Results come as events of the queue, which are matched to the jobs by their ids. */
function queueSession(queue: Queue, events: QueueEvents): Session {
  const pending = new Map<string, PromiseWithResolvers<unknown>>();
  const take = (jobId: string) => {
    const result = pending.get(jobId);
    pending.delete(jobId);
    return result;
  };
  events.on("completed", ({ jobId, returnvalue }) => take(jobId)?.resolve(returnvalue));
  events.on("failed", ({ jobId, failedReason }) => take(jobId)?.reject(new Error(failedReason)));

  let submitted = 0;
  const newJob = (name: TaskName, data: unknown) => {
    const jobId = `job-${submitted++}`;
    const result = Promise.withResolvers<unknown>();
    pending.set(jobId, result);
    return {
      name,
      data,
      opts: { jobId, removeOnComplete: true, removeOnFail: true },
      result: result.promise,
    };
  };
  const run = (task: TaskName, input: unknown) => {
    const { name, data, opts, result } = newJob(task, input);
    queue.add(name, data, opts).catch((error: Error) => take(opts.jobId)?.reject(error));
    return result;
  };
  const map = async <N extends TaskName>(task: N, inputs: readonly Input<N>[]) => {
    const jobs = inputs.map((input) => newJob(task, input));
    for (let at = 0; at < jobs.length; at += BULK) await queue.addBulk(jobs.slice(at, at + BULK));
    return (await Promise.all(jobs.map(({ result }) => result))) as Output<N>[];
  };
  return { ...poolSession(run), map };
}

interface WorkerProcess {
  readonly child: ChildProcess;
  readonly ready: Promise<unknown>;
}

function startWorker(queueName: string, concurrency: number): WorkerProcess {
  const child = fork(workerFile("bullmq-worker"), [queueName, String(concurrency)]);
  const failed = once(child, "exit").then(([code]) => {
    throw new Error(`a BullMQ worker exited with ${code} before it was ready`);
  });
  failed.catch(() => {}); // after it was ready, its exit is the end that was asked for
  return { child, ready: Promise.race([once(child, "message"), failed]) };
}

async function stopWorker({ child }: WorkerProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, "exit");
  child.disconnect();
  await exited;
}
