import { readFileSync } from "node:fs";
import { endDescendants, hasHadChildren, killThisProcess, type Mark } from "../base/descendants.ts";
import {
  readWorkerEnv,
  splitSecrets,
  type WorkerSettings,
  withSecrets,
  workerEnv,
  workerMark,
} from "../contracts/worker-env.ts";
import { WorkerExitCode } from "../contracts/worker-exit-code.ts";
import { directWay } from "./direct-way.ts";
import type { EngineWay } from "./engine-way.ts";
import { Worker, type WorkerEnd } from "./worker.ts";

/**
 * Runs a worker in this process, until its engine lets it go. The address may be an argument; all else comes from
 * environment variables, since a command line is there for all to read.
 */
export async function runWorker(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  let settings: WorkerSettings;
  let way: EngineWay;
  try {
    const whole = withSecrets(env, (file) => readFileSync(file, "utf8"));
    settings = readWorkerEnv(args[0] === undefined ? whole : { ...whole, MUSTER_ADDRESS: args[0] });
    way = settings.nats === undefined ? directWay(settings) : await openNatsWay(settings);
  } catch (error) {
    complain((error as Error).message);
    process.exit(WorkerExitCode.usage);
  }
  // These are this process's alone: tasks and what they start must not see them.
  for (const name of Object.keys(splitSecrets(workerEnv(settings)).secret)) delete process.env[name];
  const worker = new Worker({ settings, way, ended: (end) => leave(end, workerMark(workerEnv(settings))) });
  process.on("SIGTERM", () => worker.drain());
  // The terminal's Ctrl-C is for the driver, which tells its workers what to do.
  process.on("SIGINT", () => {});
}

/** Loaded when it is needed: no other worker has to wait for it. */
async function openNatsWay(settings: WorkerSettings): Promise<EngineWay> {
  const { NatsWay } = await import("./nats-way.ts");
  return NatsWay.open(settings);
}

/** Ends this process with all that its tasks started: when its driver was killed, nobody else will. */
export function leave({ code, reason, isStuck }: WorkerEnd, mark: Mark): void {
  if (reason !== undefined) complain(reason);
  if (hasHadChildren()) endDescendants({ pid: process.pid, mark });
  if (!isStuck) process.exit(code);
  complain("a task is in a call of native code that does not return: this process ends with SIGKILL");
  killThisProcess();
}

export function complain(text: string): void {
  process.stderr.write(`muster worker: ${text}\n`);
}
