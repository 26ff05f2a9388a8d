import { parseArgs } from "node:util";
import { SYSTEM_NAMES, type SystemName, WORKLOAD_NAMES, type WorkloadName } from "./system.ts";

const DEFAULT_ROUNDS = 5;
const QUICK_ROUNDS = 3;

export const USAGE = `npm run bench -- [--only WORKLOADS] [--systems SYSTEMS] [--rounds N] [--quick] [--json FILE]

Muster and its peers side by side: every round runs each system once, and a number is the median of the rounds.

  --only a,b      these workloads: ${WORKLOAD_NAMES.join(" ")}
  --systems a,b   these systems: ${SYSTEM_NAMES.join(" ")}
  --rounds N      rounds (default ${DEFAULT_ROUNDS}; with --quick ${QUICK_ROUNDS})
  --quick         smaller sizes, to see that it works rather than to quote
  --json FILE     also write the rows { workload, system, metric, value, unit, rounds }
`;

export interface BenchOptions {
  readonly workloads: readonly WorkloadName[];
  readonly systems: readonly SystemName[];
  readonly rounds: number;
  readonly quick: boolean;
  readonly jsonFile: string | undefined;
}

export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @returns undefined when help was asked for. @throws UsageError */
export function parseBenchArgs(argv: readonly string[]): BenchOptions | undefined {
  const { values } = parseOptions(argv);
  if (values.help) return undefined;
  const rounds =
    values.rounds === undefined ? (values.quick ? QUICK_ROUNDS : DEFAULT_ROUNDS) : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new UsageError(`--rounds ${values.rounds}: give a whole number of 1 or more`);
  }
  return {
    workloads: chooseNames("--only", values.only, WORKLOAD_NAMES),
    systems: chooseNames("--systems", values.systems, SYSTEM_NAMES),
    rounds,
    quick: values.quick,
    jsonFile: values.json,
  };
}

function parseOptions(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        only: { type: "string" },
        systems: { type: "string" },
        rounds: { type: "string" },
        quick: { type: "boolean", default: false },
        json: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function chooseNames<N extends string>(
  option: string,
  list: string | undefined,
  names: readonly N[],
): readonly N[] {
  if (list === undefined) return names;
  const chosen = new Set(list.split(",").map((name) => name.trim()));
  for (const name of chosen) {
    if (!names.includes(name as N))
      throw new UsageError(`${option}: no "${name}"; there are ${names.join(", ")}`);
  }
  return names.filter((name) => chosen.has(name));
}
