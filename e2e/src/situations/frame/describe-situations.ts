import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "vitest";
import { expectOf } from "./expectations.ts";
import { Scene } from "./scene.ts";
import { EVERYWHERE, type Expected, type Place, type Seen, type Situation } from "./situation.ts";
import { SituationProject } from "./situation-project.ts";

export type { Scene } from "./scene.ts";
export * from "./situation.ts";

const DEADLINE_MS = 120_000;
/** Workers that lost their driver, and containers that are being removed, need a moment to go. */
const LEFT_DEADLINE_MS = 30_000;
/** For taking everything away after a row that failed. */
const TAKE_AWAY_MS = 30_000;

/** Set where there is no Docker engine: what needs one is skipped. */
const HAS_DOCKER = process.env["MUSTER_E2E_WITHOUT_DOCKER"] !== "1";

/** A table of situations; each row is a test for each place that it names. They run side by side. */
export function describeSituations(title: string, situations: readonly Situation[]): void {
  describe.concurrent(title, () => {
    for (const situation of situations) {
      const places = situation.on ?? EVERYWHERE;
      const timeout = (situation.deadlineMs ?? DEADLINE_MS) + LEFT_DEADLINE_MS + TAKE_AWAY_MS;
      for (const place of places) {
        const name = places.length === 1 ? situation.name : `${situation.name} (${place})`;
        const needsDocker = place === "docker" || situation.start?.container === true;
        test.skipIf(needsDocker && !HAS_DOCKER)(name, { timeout }, () => play(situation, place));
      }
    }
  });
}

async function play(situation: Situation, place: Place): Promise<void> {
  const mark = randomUUID();
  await using project = await SituationProject.make(situation, place, mark);
  await using scene = new Scene(situation, { place, project, mark });
  try {
    const { exitCode, signal, stdout, stderr } = await withDeadline(situation, scene);
    const expected = typeof situation.after === "function" ? situation.after(place) : situation.after;
    const left = await whatStays(scene, expected);
    const seen: Seen = {
      ...{ place, stdout, stderr, exitCode, signal },
      outcome: project.outcome(),
      ran: project.words(),
    };
    await expectOf(expected, seen, situation.start?.by ?? "program");
    if (left.length > 0) throw new Error(`Left behind:\n${left.join("\n")}`);
  } catch (error) {
    // Only the whole story tells what happened.
    if (error instanceof Error) error.message += storyOf(scene);
    throw error;
  }
}

async function withDeadline(situation: Situation, scene: Scene) {
  const { deadlineMs = DEADLINE_MS } = situation;
  const over = new AbortController();
  const deadline = delay(deadlineMs, undefined, { signal: over.signal }).then(
    async () => {
      const left = await scene.left();
      throw new Error(`It was not over after ${deadlineMs} ms; there were:\n${left.join("\n")}`);
    },
    () => undefined as never,
  );
  const played = (async () => {
    await situation.during?.(scene);
    return await scene.ended;
  })();
  try {
    return await Promise.race([played, deadline]);
  } finally {
    over.abort();
    played.catch(() => {});
  }
}

/** What is left once nothing more goes by itself. */
async function whatStays(scene: Scene, { left: mayStay }: Expected): Promise<string[]> {
  const deadline = Date.now() + LEFT_DEADLINE_MS;
  for (;;) {
    const all = await scene.left();
    const left = all.filter((each) => mayStay?.test(each) !== true);
    if (left.length === 0 || Date.now() > deadline) return left;
    await delay(50);
  }
}

function storyOf(scene: Scene): string {
  const { stdout, stderr } = scene.child;
  const words = scene.project.words();
  const outcome = JSON.stringify(scene.project.outcome(), undefined, 1);
  return `
--- stdout
${stdout}--- stderr
${stderr}--- outcome
${outcome}
--- ledger: ${words.length} words, the last of them
${words.slice(-20).join("\n")}`;
}
