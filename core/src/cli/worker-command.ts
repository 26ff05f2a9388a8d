import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { workerFile } from "../contracts/worker-file.ts";
import { isNatsAddress } from "../wire/nats/nats-address.ts";
import { UsageError } from "./usage-error.ts";

const HELP = `
A worker of a pool works for whatever runs come, by turns, each of its lanes in a process of its own. Credentials come from
the environment: MUSTER_NATS_USER and MUSTER_NATS_PASSWORD, MUSTER_NATS_TOKEN, MUSTER_NATS_CREDS, MUSTER_NATS_CA, …
SIGTERM and Ctrl-C let it finish what runs; a second one ends it at once.
  muster worker nats://10.0.0.7:4222 --pool default --threads 4
  muster worker nats://10.0.0.7:4222 --pool gpu --resources '{"GPU":1}' --memory-limit 4GiB

A cluster starts its workers by itself, and tells them what they need in environment variables. To start one by hand:
  MUSTER_TOKEN=… MUSTER_WORKER_ID=w-1 MUSTER_RUN_ID=… muster worker tcp://127.0.0.1:40123`;

/** As the worker's own command line has them. */
interface PoolOptions {
  readonly pool?: string;
  readonly threads?: string;
  readonly resources?: string;
  readonly memoryLimit?: string;
}

export function addWorkerCommand(program: Command, finish: (exitCode: undefined) => void): void {
  program
    .command("worker")
    .description(
      "run the tasks that an engine gives, until it says that it is done; or those of a pool's runs",
    )
    .argument(
      "<address>",
      "where the engine is: tcp://host:port or tls://host:port; of a pool: nats://host:port",
    )
    .option("--pool <name>", "the pool to work for (default: default)")
    .option("--threads <count>", "how many tasks a pool's worker runs at once (default: 1)")
    .option("--resources <json>", 'what the lanes of a pool\'s worker share: {"GPU":1}')
    .option("--memory-limit <bytes>", "heap that each lane of a pool's worker may use: 2GiB")
    .addHelpText("after", HELP)
    .action(async (address: string, options: PoolOptions) => {
      const file = workerFile();
      // The worker is a program of its own, which reads its own command line.
      process.argv = [process.execPath, file, address, ...poolArguments(address, options)];
      await import(pathToFileURL(file).href);
      finish(undefined);
    });
}

function poolArguments(address: string, { pool, threads, resources, memoryLimit }: PoolOptions): string[] {
  const given = { threads, resources, "memory-limit": memoryLimit };
  const isOfRun = process.env["MUSTER_RUN_ID"] !== undefined;
  if (isNatsAddress(address) && !isOfRun) return ["--pool", pool ?? "default", ...flags(given)];
  const [flag] = flags({ pool, ...given });
  if (flag === undefined) return [];
  throw new UsageError(
    `${flag} is for the workers of a pool, whose address begins with nats://, tls://, ws:// or wss://.`,
  );
}

function flags(values: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]));
}
