import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { toError } from "../base/errors.ts";
import { currentDirectory } from "../base/places.ts";
import { collectGarbage, type GarbageReport, listLeases } from "../cluster/garbage.ts";
import { importFrom } from "../code/injected.ts";
import type { Lease, LeaseKeeper } from "../contracts/leases.ts";
import { formatDuration, formatPlural } from "../printing/format.ts";
import { EXIT_CODE } from "./exit-code.ts";
import { UsageError } from "./usage-error.ts";

/** Providers that can leave something behind. Those that are not installed cannot have. */
const PROVIDERS = ["docker"];

const HELP = `
What a run makes carries a lease that its driver renews as long as it lives. Workers whose driver is gone end by
themselves; gc removes what could not, once its lease has expired, and nothing else. It trusts no clock for that: where
it cannot see the driver's process, it first watches for as long as the lease whether it is renewed.

Examples:
  muster cluster ls
  muster cluster gc --dry-run
  muster cluster gc --provider docker --provider ./my-provider.js`;

interface ClusterCommandOptions {
  readonly provider: readonly string[];
  readonly dryRun?: boolean;
}

export function addClusterCommand(program: Command, finish: (exitCode: number) => void): void {
  const cluster = program
    .command("cluster")
    .description("show and remove what runs left behind")
    .addHelpText("after", HELP);
  const add = (text: string, all: readonly string[]): string[] => [...all, text];
  const option = [
    "--provider <name>",
    "a provider, by its short name or as a module; once for each (default: all that are installed)",
  ] as const;
  cluster
    .command("ls")
    .description("list what runs have made and not yet removed")
    .option(...option, add, [])
    .action(async (options: ClusterCommandOptions) => finish(await forEach(options, list)));
  cluster
    .command("gc")
    .description("remove what runs left behind whose driver is dead")
    .option(...option, add, [])
    .option("--dry-run", "only say what would be removed")
    .action(async (options: ClusterCommandOptions) =>
      finish(await forEach(options, (keeper) => collect(keeper, options.dryRun === true))),
    );
}

/** Does something for each provider, all at once: one that hangs hides no other. The exit code says whether all went well. */
async function forEach(
  { provider }: ClusterCommandOptions,
  act: (keeper: LeaseKeeper) => Promise<boolean>,
): Promise<number> {
  const keepers = await findKeepers(provider);
  const went = await Promise.all(
    keepers.map((keeper) =>
      act(keeper).catch((error: unknown) => {
        console.error(`${keeper.name}: ${toError(error).message}`);
        return false;
      }),
    ),
  );
  if (keepers.length === 0) console.error("No provider is installed that could leave anything behind.");
  return went.every(Boolean) ? EXIT_CODE.success : EXIT_CODE.failed;
}

async function findKeepers(asked: readonly string[]): Promise<LeaseKeeper[]> {
  const found: LeaseKeeper[] = [];
  for (const name of asked.length > 0 ? asked : PROVIDERS) {
    const specifier = /^[a-z0-9-]+$/.test(name) ? `@muster/${name}` : name;
    try {
      const { leases } = (await importProvider(specifier)) as { leases?: LeaseKeeper };
      if (typeof leases?.list !== "function") {
        throw new UsageError(
          `"${specifier}" exports no leases: its runs leave nothing, or cannot tell what.`,
        );
      }
      found.push(leases);
    } catch (error) {
      if (asked.length === 0 && isMissing(error)) continue;
      throw error instanceof UsageError ? error : new UsageError(toError(error).message);
    }
  }
  return found;
}

/** From where the user is; a package of Muster itself also from beside this one. */
async function importProvider(specifier: string): Promise<object> {
  try {
    return await importFrom(currentDirectory(), specifier);
  } catch (error) {
    if (!specifier.startsWith("@muster/") || !isMissing(error)) throw error;
    return await importFrom(fileURLToPath(new URL("../..", import.meta.url)), specifier);
  }
}

function isMissing(error: unknown): boolean {
  return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === "ERR_MODULE_NOT_FOUND";
}

async function list(keeper: LeaseKeeper): Promise<boolean> {
  const leases = await listLeases(keeper);
  if (leases.length === 0) console.log(`${keeper.name}: nothing is there.`);
  for (const lease of leases) console.log(`${keeper.name}: ${describe(lease)}`);
  return true;
}

async function collect(keeper: LeaseKeeper, dryRun: boolean): Promise<boolean> {
  const watching = (leases: readonly Lease[], forMs: number): void =>
    console.error(
      `${keeper.name}: ${formatPlural(leases.length, "lease")} seem to have expired; since clocks may be wrong, watching for ${formatDuration(forMs)} whether they are renewed.`,
    );
  const report = await collectGarbage(keeper, { dryRun, watching });
  for (const lease of report.removed)
    console.log(`${keeper.name}: ${dryRun ? "would remove" : "removed"} ${describe(lease)}`);
  for (const { lease, reason } of report.failed)
    console.error(`${keeper.name}: could not remove ${describe(lease)}: ${reason}`);
  console.log(`${keeper.name}: ${summary(report, dryRun)}`);
  return report.failed.length === 0;
}

function describe({ what, flowName, runId, state, ageMs, expiresInMs, driver }: Lease): string {
  const lease =
    driver === "lives"
      ? "its driver lives"
      : expiresInMs > 0
        ? `its lease holds for ${formatDuration(expiresInMs)}`
        : `its lease expired ${formatDuration(-expiresInMs)} ago`;
  return `${what}, ${state}, of flow "${flowName}" (${runId}), ${formatDuration(ageMs)} old; ${lease}`;
}

function summary({ removed, kept }: GarbageReport, dryRun: boolean): string {
  const gone = removed.length === 0 ? "nothing to remove" : formatPlural(removed.length, "leftover");
  const did = removed.length === 0 ? gone : `${gone} ${dryRun ? "would be removed" : "removed"}`;
  return kept.length === 0 ? `${did}.` : `${did}; ${kept.length} kept, whose driver may live.`;
}
