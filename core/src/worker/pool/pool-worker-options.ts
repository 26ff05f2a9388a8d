import { parseArgs } from "node:util";
import { parseBytes } from "../../base/bytes.ts";
import { checkResources } from "../../base/check-options.ts";
import { InvalidOptionError, toError } from "../../base/errors.ts";
import type { Resources } from "../../base/resources.ts";
import { type NatsTarget, resolveNatsOptions } from "../../wire/nats/nats-options.ts";
import { checkPoolName } from "../../wire/nats/pool/pool-names.ts";

/** What a worker of a pool is. */
export interface PoolWorkerOptions {
  readonly target: NatsTarget;
  readonly pool: string;
  /** How many lanes, each a process of its own. */
  readonly lanes: number;
  /** What all lanes share. */
  readonly resources: Resources;
  /** Bytes of heap that a lane's thread may have; undefined: as much as Node gives. */
  readonly memoryLimit: number | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/** More would be a mistake: each is a process. */
const MAX_LANES = 1024;

/**
 * From a command line and the environment: `nats://host --pool name --threads 4 --resources '{"GPU":1}' --memory-limit 2GiB`.
 * @throws InvalidOptionError
 */
export function readPoolWorkerOptions(args: readonly string[], env: Env): PoolWorkerOptions {
  const { values, positionals } = parse(args);
  const [address = env["MUSTER_ADDRESS"] ?? ""] = positionals;
  const threads = values.threads ?? (env["MUSTER_THREADS"] || undefined);
  const resources = values.resources ?? (env["MUSTER_RESOURCES"] || undefined);
  const memory = values["memory-limit"] ?? (env["MUSTER_MEMORY_LIMIT"] || undefined);
  return {
    target: resolveNatsOptions(
      { servers: address },
      { env, where: "muster worker", addressFrom: "the address" },
    ),
    pool: checkPoolName(values.pool, "--pool"),
    lanes: threads === undefined ? 1 : readLanes(threads),
    resources: resources === undefined ? {} : readResources(resources),
    memoryLimit: memory === undefined ? undefined : readMemory(memory),
  };
}

function parse(args: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { pool: text, threads: text, resources: text, "memory-limit": text },
    });
  } catch (error) {
    throw new InvalidOptionError("muster worker", `muster worker: ${toError(error).message}`);
  }
}

function readLanes(text: string): number {
  const lanes = Number(text);
  if (Number.isInteger(lanes) && lanes >= 1 && lanes <= MAX_LANES) return lanes;
  throw new InvalidOptionError(
    "--threads",
    `--threads is how many tasks run at once: a whole number from 1 to ${MAX_LANES}, but it is ${JSON.stringify(text)}.`,
  );
}

function readResources(text: string): Resources {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = text;
  }
  if (typeof value !== "object" || value === null)
    throw new InvalidOptionError(
      "--resources",
      `--resources must be a JSON object of numbers, such as {"GPU":1}, but it is ${JSON.stringify(text)}.`,
    );
  return checkResources(value, "--resources");
}

function readMemory(text: string): number {
  const bytes = /^\d+$/.test(text) ? Number(text) : parseBytes(text, "--memory-limit");
  if (bytes >= 2 ** 20) return bytes;
  throw new InvalidOptionError("--memory-limit", `--memory-limit must be at least 1MiB, but it is ${text}.`);
}
