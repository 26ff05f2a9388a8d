import { checkNumber, checkOptionNames } from "../base/check-options.ts";
import { InvalidOptionError } from "../base/errors.ts";
import { withoutCredentials } from "../base/without-credentials.ts";
import { isNatsAddress } from "../wire/nats/nats-address.ts";
import {
  NATS_OPTION_NAMES,
  type NatsOptions,
  type NatsTarget,
  resolveNatsOptions,
} from "../wire/nats/nats-options.ts";
import { checkPoolName } from "../wire/nats/pool/pool-names.ts";

/** How the driver and its workers speak to each other. All in milliseconds. */
export interface ClientOptions {
  /** Between two signs of life, both ways. @default 1000 */
  heartbeatMs?: number;
  /**
   * A worker that gives no sign of life for so long is lost, and its tasks go elsewhere. (Of one whose process ends others
   * tell at once.) @default 30000; through a server of NATS 60000, so that a network that is gone for a while costs time,
   * and no finished task
   */
  workerTimeoutMs?: number;
  /** A worker that has lost its driver for so long exits by itself. @default 30000; through a server of NATS 60000 */
  deathTimeoutMs?: number;
  /** A cancelled task may take so long to clean up before its thread is ended. @default 5000 */
  cancelGraceMs?: number;
}

/** With an `address` also: how to get in there, and which pool. */
export interface PoolClientOptions extends ClientOptions, Omit<NatsOptions, "servers"> {
  /** Whose lanes the run uses. @default "default" */
  pool?: string;
  /** Without any worker that could run its tasks the run fails after so many milliseconds. @default 300000 */
  poolTimeoutMs?: number;
}

/** Of `clientKwargs`, with an address alone. */
const POOL_OPTION_NAMES = ["pool", "poolTimeoutMs"] as const;
const OF_POOLS: readonly string[] = [
  ...POOL_OPTION_NAMES,
  ...NATS_OPTION_NAMES.filter((name) => name !== "servers"),
];
/** Of them, what nobody is shown. */
const SECRETS: readonly string[] = ["password", "token", "nkey", "creds", "key"];
const POOL_TIMEOUT_MS = 300_000;
const CLIENT_DEFAULTS: Required<ClientOptions> = {
  heartbeatMs: 1000,
  workerTimeoutMs: 30_000,
  deathTimeoutMs: 30_000,
  cancelGraceMs: 5000,
};

/** Others may restart the server, and the networks to it may be cut. */
const NATS_DEFAULTS = { ...CLIENT_DEFAULTS, workerTimeoutMs: 60_000, deathTimeoutMs: 60_000 };

/**
 * @param through what is between driver and workers
 * @throws InvalidOptionError
 */
export function resolveClientOptions(
  options: ClientOptions,
  through: "nothing" | "nats",
): Required<ClientOptions> {
  const defaults = through === "nats" ? NATS_DEFAULTS : CLIENT_DEFAULTS;
  const path = "clientKwargs";
  const milliseconds = (name: keyof ClientOptions, min: number): number =>
    checkNumber(options[name], defaults[name], { option: `${path}.${name}`, min });
  return {
    heartbeatMs: milliseconds("heartbeatMs", 1),
    workerTimeoutMs: milliseconds("workerTimeoutMs", 1),
    deathTimeoutMs: milliseconds("deathTimeoutMs", 1),
    cancelGraceMs: milliseconds("cancelGraceMs", 0),
  };
}

/** Of an executor's options, what is checked here. */
interface ExecutorOptions {
  readonly address?: unknown;
  readonly clientKwargs?: PoolClientOptions | undefined;
  readonly clusterClass?: unknown;
  readonly clusterKwargs?: unknown;
  readonly adaptKwargs?: unknown;
}

/**
 * Checks how the driver speaks to its workers, and, where these are a pool's, how it gets there.
 * @throws InvalidOptionError
 */
export function checkClientOptions(options: ExecutorOptions): void {
  const { address, clientKwargs = {} } = options;
  if (address === undefined) checkClientNames(clientKwargs, Object.keys(CLIENT_DEFAULTS));
  else checkPoolOptions(address, options);
  resolveClientOptions(clientKwargs, address === undefined ? "nothing" : "nats");
}

/** An executor's options as they may be shown: without what is secret. */
export function withoutSecrets<Options extends ExecutorOptions>(options: Options): Options {
  const { address, clientKwargs, clusterKwargs } = options;
  if (typeof address !== "string") {
    // Some clusters take an address there as well.
    const { engine } = (clusterKwargs ?? {}) as { readonly engine?: unknown };
    if (typeof engine !== "string") return options;
    return {
      ...options,
      clusterKwargs: { ...(clusterKwargs as object), engine: withoutCredentials(engine) },
    };
  }
  const hidden = Object.entries(clientKwargs ?? {}).map(([name, value]) => [
    name,
    SECRETS.includes(name) ? "…" : value,
  ]);
  return { ...options, address: withoutCredentials(address), clientKwargs: Object.fromEntries(hidden) };
}

/** @throws InvalidOptionError */
function checkClientNames(options: PoolClientOptions, names: readonly string[]): void {
  const path = "clientKwargs";
  const ofPools = Object.keys(options ?? {}).find((name) => OF_POOLS.includes(name) && !names.includes(name));
  if (ofPools !== undefined)
    throw new InvalidOptionError(
      `${path}.${ofPools}`,
      `${path}.${ofPools} is for a pool of workers, and there is no \`address\` of one: give the executor an address, or leave it out.`,
    );
  checkOptionNames(options, names, { where: path, path });
}

/** @throws InvalidOptionError */
function checkPoolOptions(address: unknown, { clientKwargs = {}, ...options }: ExecutorOptions): void {
  if (typeof address !== "string" || !isNatsAddress(address)) {
    const shown =
      typeof address === "string" ? `"${withoutCredentials(address)}"` : `of the type ${typeof address}`;
    throw new InvalidOptionError(
      "address",
      `address is where the NATS server of a pool is, such as nats://10.0.0.7:4222 (or tls://, ws://, wss://), but it is ${shown}.`,
    );
  }
  for (const option of ["clusterClass", "clusterKwargs", "adaptKwargs"] as const) {
    if (options[option] === undefined) continue;
    throw new InvalidOptionError(
      option,
      `${option} makes a cluster, and with \`address\` the run uses the workers of a pool that is already there, which others start and scale: leave one of the two out.`,
    );
  }
  checkClientNames(clientKwargs, [...Object.keys(CLIENT_DEFAULTS), ...OF_POOLS]);
  resolvePoolOptions(address, clientKwargs);
}

/** @throws InvalidOptionError */
export function resolvePoolOptions(
  address: string,
  clientKwargs: PoolClientOptions,
): { readonly target: NatsTarget; readonly pool: string; readonly poolTimeoutMs: number } {
  const given = NATS_OPTION_NAMES.flatMap((name) => {
    const value = (clientKwargs as NatsOptions)[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const target = resolveNatsOptions(
    { ...Object.fromEntries(given), servers: address },
    { addressFrom: "address" },
  );
  const { pool, poolTimeoutMs } = clientKwargs;
  return {
    target,
    pool: checkPoolName(pool, "clientKwargs.pool"),
    poolTimeoutMs: checkNumber(poolTimeoutMs, POOL_TIMEOUT_MS, {
      option: "clientKwargs.poolTimeoutMs",
      min: 0,
      infinite: true,
    }),
  };
}
