import { flow, type MusterEvent, type TaskFuture, task } from "@muster/core";
import { seededRandom } from "@muster/core/testing";
import { expect, test } from "vitest";
import { localWorkers } from "./support/clusters.ts";
import { blobDirectoriesOf, processesWith } from "./support/left-behind.ts";

const TASKS = 5000;
const KILL_EVERY_MS = 300;
const MODULUS = 1_000_003;

const combine = (id: number, inputs: readonly number[]): number =>
  inputs.reduce((sum, each) => (sum * 31 + each) % MODULUS, id);
const step = task(
  { name: "step", workerLostRetries: 20 },
  async (id: number, ms: number, inputs: number[]) => {
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    return combine(id, inputs);
  },
);

test(`${TASKS} tasks with dependencies end right while a worker is killed every ${KILL_EVERY_MS} ms`, async () => {
  const { random, seed } = seededRandom();
  const durations = Array.from({ length: TASKS }, () => {
    const lot = random();
    return lot < 0.7 ? 0 : lot < 0.97 ? Math.ceil(random() * 20) : 50 + Math.ceil(random() * 150);
  });
  const inputs = Array.from({ length: TASKS }, (_, id) =>
    Array.from({ length: Math.min(id, Math.floor(random() * 4)) }, () => Math.floor(random() * id)),
  );
  const expected: number[] = [];
  for (let id = 0; id < TASKS; id++)
    expected[id] = combine(
      id,
      inputs[id]!.map((input) => expected[input]!),
    );

  const successes = new Map<number, number>();
  /** Those that run tasks: a cluster whose workers never get so far gives up. */
  const ready = new Set<string>();
  let lost = 0;
  let killed = 0;
  let flowRunId = "";
  const onEvent = (event: MusterEvent): void => {
    if (event.type === "flow") flowRunId = event.flowRunId;
    if (event.type === "task" && event.state === "Success")
      successes.set(event.id, (successes.get(event.id) ?? 0) + 1);
    if (event.type !== "worker") return;
    if (event.state === "ready") ready.add(event.worker);
    else ready.delete(event.worker);
    if (event.state === "gone" && !event.expected) lost++;
  };
  const chaos = flow({ name: "chaos", executor: localWorkers({ workers: 4 }) }, () => {
    const futures: TaskFuture<number>[] = [];
    for (let id = 0; id < TASKS; id++) {
      futures.push(
        step(
          id,
          durations[id]!,
          inputs[id]!.map((input) => futures[input]!),
        ),
      );
    }
    return futures;
  });
  const killing = setInterval(() => {
    const victim = [...ready][Math.floor(random() * ready.size)];
    if (victim === undefined) return;
    for (const pid of processesWith(`MUSTER_RUN_ID=${flowRunId}`, `MUSTER_WORKER_ID=${victim}`))
      process.kill(pid, "SIGKILL");
    killed++;
  }, KILL_EVERY_MS);
  const state = await chaos.run({ onEvent }).finally(() => clearInterval(killing));

  console.log(`seed ${seed}: ${killed} workers killed, ${lost} seen lost`);
  expect(state.message, `seed ${seed}`).toBe("");
  expect(state.unwrap()).toEqual(expected);
  expect(successes.size).toBe(TASKS);
  expect([...successes.values()].filter((count) => count !== 1)).toEqual([]);
  expect(killed).toBeGreaterThan(3);
  expect(processesWith(`MUSTER_RUN_ID=${flowRunId}`)).toEqual([]);
  expect(blobDirectoriesOf(process.pid)).toEqual([]);
});
