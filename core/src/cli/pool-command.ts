import type { Command } from "commander";
import { atExit } from "../base/at-exit.ts";
import { toError } from "../base/errors.ts";
import { delay } from "../base/wait.ts";
import { resolveNatsOptions } from "../wire/nats/nats-options.ts";
import { checkPoolName } from "../wire/nats/pool/pool-names.ts";
import type { PoolObserver, PoolStatus } from "../wire/nats/pool/pool-status.ts";
import { EXIT_CODE } from "./exit-code.ts";
import { poolTable } from "./pool-table.ts";
import { UsageError } from "./usage-error.ts";

const HELP = `
A pool is a NATS server with JetStream and any number of workers, which anybody starts: muster worker nats://… --pool name.
Runs share it: new TemporaryClusterExecutor({ address: "nats://…", clientKwargs: { pool: "name" } }).
Credentials come from the environment: MUSTER_NATS_USER and MUSTER_NATS_PASSWORD, MUSTER_NATS_TOKEN, MUSTER_NATS_CREDS, …

Examples:
  muster pool status nats://10.0.0.7:4222
  muster pool status nats://10.0.0.7:4222 --pool gpu --watch
  muster pool status nats://10.0.0.7:4222 --json | jq '.[].demand'`;

/** Between two looks, in milliseconds. */
const WATCH_MS = 1000;
const ERASE_BELOW = "\u001b[J";
const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";

interface StatusOptions {
  readonly pool?: string;
  readonly json?: boolean;
  readonly watch?: boolean;
}

export function addPoolCommand(program: Command, finish: (exitCode: number) => void): void {
  const pool = program
    .command("pool")
    .description("show pools of workers that runs share")
    .addHelpText("after", HELP);
  pool
    .command("status")
    .description("show workers and their lanes, who uses them, and what runs wait for")
    .argument("<address>", "where the NATS server is: nats://host:port, or tls://, ws://, wss://")
    .option("--pool <name>", "only this pool")
    .option("--json", "one line of JSON: a list of pools; with --watch one each second")
    .option("--watch", "look again each second, until Ctrl-C")
    .action(async (address: string, options: StatusOptions) => finish(await status(address, options)));
}

async function status(address: string, options: StatusOptions): Promise<number> {
  const only = options.pool === undefined ? undefined : usable(() => checkPoolName(options.pool, "--pool"));
  const target = usable(() =>
    resolveNatsOptions({ servers: address }, { where: "muster pool", addressFrom: "the address" }),
  );
  // What speaks to servers is loaded when it is needed.
  const { connectNats } = await import("../wire/nats/connect-nats.ts");
  const { PoolObserver } = await import("../wire/nats/pool/pool-status.ts");
  const connection = await connectNats(target, { name: "muster pool status" });
  try {
    const observer = await PoolObserver.open(connection);
    if (options.watch === true) return await watch(observer, { ...options, only });
    show(await observer.look(only), options);
    return EXIT_CODE.success;
  } finally {
    await connection.close();
  }
}

function usable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new UsageError(toError(error).message);
  }
}

async function watch(
  observer: PoolObserver,
  { only, json }: { readonly only: string | undefined; readonly json?: boolean },
): Promise<number> {
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ending.abort());
  const isDrawn = json !== true && process.stdout.isTTY === true;
  if (isDrawn) process.stdout.write(HIDE_CURSOR);
  const forget = atExit(() => isDrawn && process.stdout.write(SHOW_CURSOR));
  let drawn = 0;
  while (!ending.signal.aborted) {
    const pools = await observer.look(only);
    if (isDrawn) {
      const rows = (process.stdout.rows ?? 24) - 1;
      const lines = render(pools, (process.stdout.columns ?? 80) - 1).slice(0, rows);
      const back = drawn > 0 ? `\u001b[${drawn}A\r` : "";
      process.stdout.write(`${back}${ERASE_BELOW}${lines.join("\n")}\n`);
      drawn = lines.length;
    } else show(pools, { json: json === true });
    await delay(WATCH_MS, { signal: ending.signal }).catch(() => undefined);
  }
  forget();
  if (isDrawn) process.stdout.write(SHOW_CURSOR);
  return EXIT_CODE.success;
}

function show(pools: readonly PoolStatus[], { json }: Pick<StatusOptions, "json">): void {
  if (json === true) console.log(JSON.stringify(pools));
  else console.log(render(pools).join("\n"));
}

function render(pools: readonly PoolStatus[], columns?: number): string[] {
  if (pools.length === 0) return ["There are no pools: the first worker or run of one makes it."];
  const now = Date.now();
  const tables = pools.map((pool) => poolTable(pool, columns === undefined ? { now } : { now, columns }));
  return tables.flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}
