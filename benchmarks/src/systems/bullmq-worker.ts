/** One BullMQ worker process: `bullmq-worker.js QUEUE CONCURRENCY`. Ends when its parent disconnects. */
import { Worker } from "bullmq";
import * as tasks from "../tasks.ts";
import { REDIS } from "./redis.ts";

const [queueName, concurrency] = process.argv.slice(2) as [string, string];
const functions = tasks as unknown as Record<string, (input: unknown) => unknown>;

const worker = new Worker(queueName, async (job) => functions[job.name]!(job.data), {
  connection: REDIS,
  concurrency: Number(concurrency),
});
process.on("disconnect", async () => {
  await worker.close(true);
  process.exit();
});
await worker.waitUntilReady();
process.send?.("ready");
