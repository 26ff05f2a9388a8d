import { setTimeout as delay } from "node:timers/promises";
import { seededRandom } from "@muster/core/testing";
import { expect, test } from "vitest";
import { Child } from "./support/child.ts";
import { blobDirectoriesOf, blobsOf, until } from "./support/left-behind.ts";

const { random, seed } = seededRandom();
const MOMENTS = Array.from({ length: 10 }, () => Math.floor(random() * 1500));

test.each(MOMENTS)(`a driver that is killed after %i ms leaves no worker (seed ${seed})`, async (moment) => {
  await using child = Child.fixture("endless.ts");
  // The moment is what is tested: from before the first worker is launched to the middle of its tasks.
  await delay(moment);
  child.kill("SIGKILL");
  await child.ended;
  await until(() => child.processes().length === 0);
  expect(blobsOf(child.pid)).toEqual([]);
});

test("a driver that is stopped is given up; when it goes on, it ends as it should", async () => {
  await using child = Child.muster(["run", Child.pathOf("endless.ts")]);
  await child.printed(/waiting/);
  const before = child.workers();
  expect(before).toHaveLength(2);
  child.kill("SIGSTOP");
  await until(() => child.workers().length === 0);
  child.kill("SIGCONT");
  // It sees that its workers are lost, and has others.
  await until(() => child.workers().length === 2);
  child.kill("SIGINT");
  expect(await child.ended).toMatchObject({ exitCode: 130 });
  expect(child.processes()).toEqual([]);
  expect(blobDirectoriesOf(child.pid)).toEqual([]);
});
