import { seededRandom } from "@muster/core/testing";
import { expect, test } from "vitest";
import { blobDirectoriesOf } from "../support/left-behind.ts";
import { LedgerFile } from "./ledger-file.ts";
import { live } from "./life.ts";
import { PLACES, type Place } from "./places.ts";
import { makeSchedule } from "./schedule.ts";

/*
 * Random lives of runs, by a seed: 1,000 steps (submit, wait, scale, kill, pause, in any order) in the lives of some 60
 * clusters, each of which is started, and settles, is cancelled or is closed at its end. Tasks write into a ledger outside
 * of all processes. Whatever happens, nothing is lost, nothing whose result the driver had runs again, nothing runs twice
 * at once, and nothing is left. (1,000 lives of clusters would take ten minutes a seed: most of it is the start of Node.)
 *
 *   npm run e2e -- ledger                        one seed, on LocalCluster: about a minute
 *   MUSTER_SEEDS=20 npm run e2e -- ledger        twenty
 *   MUSTER_SEED=123 npm run e2e -- ledger        that one again; a failure prints it
 *   MUSTER_E2E_ENGINE=nats npm run e2e -- ledger on LocalCluster with another engine: see ../engines.ts
 *   MUSTER_PLACE=docker npm run e2e -- ledger    on DockerCluster, "threads" or "processes"
 */
const STEPS = 1000;
/** Steps in a life. */
const LONGEST_LIFE = 30;
/** Lives at once. */
const SIDE_BY_SIDE = 4;

const place = (process.env["MUSTER_PLACE"] ?? "cluster") as Place;
if (!PLACES.includes(place)) throw new Error(`MUSTER_PLACE is "${place}"; there are ${PLACES.join(", ")}.`);
const { seed: firstSeed } = seededRandom();
const seeds = Array.from(
  { length: Number(process.env["MUSTER_SEEDS"] ?? 1) },
  (_, index) => firstSeed + index,
);

test.each(seeds)(`lives on ${place}, seed %i`, async (seed) => {
  const { random } = seededRandom(seed);
  const schedules = [];
  for (let steps = 0; steps < STEPS; ) {
    const count = Math.min(5 + Math.floor(random() * (LONGEST_LIFE - 5)), STEPS - steps);
    schedules.push(makeSchedule(random, count));
    steps += count;
  }
  const wrong: string[] = [];
  const sums = { lives: 0, tasks: 0, kills: 0, repeats: 0 };
  const queue = schedules.entries();
  const liveOn = async (): Promise<void> => {
    for (const [index, schedule] of queue) {
      using ledger = new LedgerFile();
      const life = await live({ name: `life-${index + 1}`, place, schedule, ledger });
      wrong.push(...life.wrong);
      sums.lives++;
      for (const name of ["tasks", "kills", "repeats"] as const) sums[name] += life[name];
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, liveOn));
  wrong.push(...blobDirectoriesOf(process.pid).map((directory) => `${directory} is left`));
  const found = wrong.length === 0 ? "" : `, wrong:\n${wrong.join("\n")}`;
  console.log(`MUSTER_SEED=${seed}, ${place}: ${JSON.stringify(sums)}${found}`);
  expect(wrong.join("\n"), `MUSTER_SEED=${seed}`).toBe("");
});
