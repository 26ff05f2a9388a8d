import { appendFileSync } from "node:fs";
import { flow, LocalPoolExecutor, type MusterEvent, task, WorkerLostError } from "@muster/core";
import { describe, expect, test } from "vitest";
import { localWorkers } from "./support/clusters.ts";
import { processesWith, until } from "./support/left-behind.ts";
import { LogFile } from "./support/log-file.ts";

/** A way for a task to end its own process or thread. It may take its time, but not give a result. */
type End = "at once" | "after 20 ms" | "by SIGSEGV" | "by exit" | "by exit after 20 ms";

const end = async (how: End): Promise<never> => {
  if (how.endsWith("20 ms")) await new Promise((resolve) => setTimeout(resolve, 20));
  if (how.startsWith("by exit")) process.exit(3);
  if (how === "by SIGSEGV") process.kill(process.pid, "SIGSEGV");
  process.kill(process.pid, "SIGKILL");
  return new Promise<never>(() => {});
};
const note = (log: string, word: unknown): void => appendFileSync(log, `${word} `);

const killers = [0, 1, 2].map((workerLostRetries) =>
  task({ name: `killer-${workerLostRetries}`, workerLostRetries }, (log: string, how: End) => {
    note(log, `killer-${workerLostRetries}`);
    return end(how);
  }),
);

/** Short, all but one of them. */
const amongShort = [0, 1, 2].map((workerLostRetries) =>
  task({ name: `among-${workerLostRetries}`, workerLostRetries }, (log: string, n: number) => {
    if (n !== 300) return n;
    note(log, `among-${workerLostRetries}`);
    return end("at once");
  }),
);

const PLACES = [
  ["LocalCluster", () => localWorkers()],
  ["a pool of processes", () => new LocalPoolExecutor({ scheduler: "processes", numWorkers: 2 })],
] as const;

describe.each(PLACES)("on %s", (_name, executor) => {
  test.each<End>(["at once", "after 20 ms", "by SIGSEGV", "by exit", "by exit after 20 ms"])(
    "a task that ends its worker %s runs once more than workerLostRetries says",
    async (how) => {
      await using log = await LogFile.make();
      const state = await flow({ name: "killers", executor: executor() }, () =>
        Promise.allSettled(killers.map((killer) => killer(log.path, how))),
      ).run();
      const ends = state.unwrap().map((settled) => (settled as PromiseRejectedResult).reason as unknown);
      expect(ends.every((error) => error instanceof WorkerLostError)).toBe(true);
      const runs = killers.map(
        (_, retries) => log.words().filter((word) => word === `killer-${retries}`).length,
      );
      expect(runs).toEqual([1, 2, 3]);
    },
  );

  test("so does one among hundreds of short ones, which all end well", async () => {
    await using log = await LogFile.make();
    for (const [retries, among] of amongShort.entries()) {
      const state = await flow({ name: "among", executor: executor() }, () =>
        Promise.allSettled([
          ...among.map(
            Array.from({ length: 600 }, () => log.path),
            Array.from({ length: 600 }, (_, n) => n),
          ),
        ]),
      ).run();
      const settled = state.unwrap();
      expect(settled.flatMap(({ status }, n) => (status === "fulfilled" ? [] : [n]))).toEqual([300]);
      expect(log.words().filter((word) => word === `among-${retries}`)).toHaveLength(retries + 1);
    }
  });
});

const PADDING = "x".repeat(1000);
/** What it takes and gives fills more than one read and one write, and no more than a socket holds. */
const noted = task("noted", (log: string, n: number, _padding: string) => {
  const until = performance.now() + 1;
  while (performance.now() < until);
  note(log, n);
  return Buffer.alloc(4000, n);
});

/** Keeps this thread from doing anything else. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test("what had ended before its worker was killed does not run again, however late the driver hears of it", async () => {
  await using log = await LogFile.make();
  const TASKS = 2000;
  let flowRunId = "";
  let ended = 0;
  const onEvent = (event: MusterEvent): void => {
    if (event.type === "flow") flowRunId = event.flowRunId;
    if (event.type === "task" && event.state === "Success") ended++;
  };
  const executor = localWorkers({ workers: 4 });
  const doneAtKills: number[] = [];
  const state = await flow({ name: "busy-driver", executor }, async () => {
    const all = noted.map(
      Array.from({ length: TASKS }, () => log.path),
      Array.from({ length: TASKS }, (_, n) => n),
      Array.from({ length: TASKS }, () => PADDING),
    );
    for (let kill = 1; kill <= 3; kill++) {
      await until(() => ended >= kill * 400);
      // The driver is busy, until the workers have done all that they have and told of it.
      for (let before = -1; before !== log.words().length; block(200)) before = log.words().length;
      const pids = processesWith(`MUSTER_RUN_ID=${flowRunId}`, "MUSTER_WORKER_ID");
      for (const pid of pids) process.kill(pid, "SIGKILL");
      while (processesWith(`MUSTER_RUN_ID=${flowRunId}`, "MUSTER_WORKER_ID").length > 0) block(10);
      // By now it should have said several times that it lives: it does so before it reads anything.
      block(1200);
      doneAtKills.push(log.words().length - ended);
    }
    return all;
  }).run({ onEvent });
  expect(state.unwrap()).toHaveLength(TASKS);
  // There was something to lose.
  expect(Math.max(...doneAtKills)).toBeGreaterThan(10);
  expect(log.words().length).toBe(TASKS);
});
