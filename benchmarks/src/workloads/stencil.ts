import type { Session } from "../system.ts";
import { WORKERS } from "../system.ts";
import { mix } from "../tasks.ts";
import { checkValues, type Metric, range, timed, type Workload } from "../workload.ts";

const COLUMNS = 8;
/** What a task computes, in microseconds. */
const GRAINS_US = [4000, 2000, 1000, 500, 250, 125, 60, 30, 15] as const;
/** Until compilers are done with both sides. */
const WARM_UP_GRAINS_US = [30, 125] as const;

const efficiency: Metric = { unit: "x", better: "higher" };

/**
 * As Task Bench has it: of each column and step a task that takes its three neighbours of the step before. The ideal is
 * what the tasks compute, by workers that never wait; `half-at` is the grain at which half of that is reached.
 */
export const stencil: Workload = {
  title: `steps of ${COLUMNS} columns, each task of three of the step before, by what a task computes`,
  size: 200,
  quickSize: 50,
  slowSize: 40,
  metrics: {
    ...Object.fromEntries(GRAINS_US.map((us) => [`${us}us`, efficiency])),
    "half-at": { unit: "us", better: "lower" },
  },
  measure: (system, size) =>
    system.use({}, async (session) => {
      for (const us of WARM_UP_GRAINS_US) await run(session, us, size);
      const reached: [us: number, efficiency: number][] = [];
      for (const us of GRAINS_US) reached.push([us, await run(session, us, size)]);
      return {
        ...Object.fromEntries(reached.map(([us, share]) => [`${us}us`, share])),
        "half-at": halfAt(reached),
      };
    }),
};

/** How much of the ideal is reached. */
async function run(session: Session, us: number, steps: number): Promise<number> {
  const { value, ms } = await timed(async () => {
    let row = range(COLUMNS).map((column) => session.submit("mix", [us, column, column, column]));
    for (let step = 1; step < steps; step++) {
      row = row.map((middle, column) =>
        session.submitAfter("mix", [us, row[left(column)]!, middle, row[right(column)]!]),
      );
    }
    return await Promise.all(row);
  });
  checkValues(value, expected(steps));
  return (us * COLUMNS * steps) / 1000 / WORKERS / ms;
}

function expected(steps: number): number[] {
  let row = range(COLUMNS).map((column) => mix([0, column, column, column]));
  for (let step = 1; step < steps; step++) {
    row = row.map((middle, column) => mix([0, row[left(column)]!, middle, row[right(column)]!]));
  }
  return row;
}

function left(column: number): number {
  return (column + COLUMNS - 1) % COLUMNS;
}

function right(column: number): number {
  return (column + 1) % COLUMNS;
}

/** The grain at which half of the ideal is reached, between those that were measured; 0 when all of them reach it. */
function halfAt(reached: readonly (readonly [us: number, efficiency: number])[]): number {
  const below = reached.findIndex(([, share]) => share < 0.5);
  if (below < 0) return 0;
  const [us, share] = reached[below]!;
  const [moreUs, moreShare] = reached[below - 1] ?? [us, share];
  if (moreShare <= share) return us;
  // Grains are measured at about every factor of two.
  return us * (moreUs / us) ** ((0.5 - share) / (moreShare - share));
}
