import { expect } from "vitest";
import { describeSituations, POOLS, WORKERS } from "./frame/describe-situations.ts";

/** Ends task threads before they can run anything, and leaves the main thread of a worker alone. */
const BREAKS_THREADS = `
  const { isMainThread } = require("node:worker_threads");
  if (!isMainThread && process.env.MUSTER_WORKER_ID) throw new Error("no thread for you");
`;
/** Ends workers that have joined, while their threads are still on their way. */
const KILLS_JOINED = `
  const { isMainThread } = require("node:worker_threads");
  if (process.env.MUSTER_WORKER_ID) {
    if (!isMainThread) for (;;);
    setTimeout(() => { console.error("joined, and gone"); process.kill(process.pid, "SIGKILL"); }, 500);
  }
`;

describeSituations("workers that die, and die again", [
  {
    name: "workers whose threads end before any can run a task",
    on: ["processes", "cluster"],
    files: { "breaks.cjs": BREAKS_THREADS },
    start: { env: { NODE_OPTIONS: "--require ./breaks.cjs" } },
    flow: `
      const work = task("work", () => 1);
      export default flow({ name: "breaks", executor }, () => work());
    `,
    after: { state: "Failed", message: /3 times in a row.*no thread for you/s },
  },
  {
    name: "workers that join, and are killed before a thread of theirs does",
    on: ["processes", "cluster"],
    files: { "kills.cjs": KILLS_JOINED },
    start: { env: { NODE_OPTIONS: "--require ./kills.cjs" } },
    flow: `
      const work = task("work", () => 1);
      export default flow({ name: "kills", executor }, () => work());
    `,
    after: { state: "Failed", message: /3 times in a row.*SIGKILL.*joined, and gone/s },
  },
  {
    name: "300 tasks of one function, each of which ends its worker",
    on: WORKERS,
    // Containers in place of those that died come later and later.
    deadlineMs: 240_000,
    flow: `
      const kill = task("kill", (n: number) => { ran("kill"); process.kill(process.pid, "SIGSEGV"); return forever(); });
      const fine = task("fine", (n: number) => n);
      export default flow({ name: "deadly", executor }, async () => {
        const kills = kill.map(Array.from({ length: 300 }, (_, n) => n));
        const ends = await Promise.allSettled([...kills]);
        const words = ends.map((end) => ((end as PromiseRejectedResult).reason as Error).name);
        return [ends.length, [...new Set(words)], await fine(7), await kill(1).then(() => 0, (error: Error) => error.message)];
      });
    `,
    after: {
      state: "Success",
      result: [
        300,
        ["DeadlyTaskError"],
        7,
        expect.stringMatching(
          /^Task "kill" is given up, since its tasks were lost \d+ times in a row and none succeeded, the last time on worker .*(SIGSEGV|139)/,
        ),
      ],
      ran: { kill: [5, 20] },
    },
  },
  {
    name: "300 tasks of one function, each of which ends its thread",
    on: POOLS,
    flow: `
      const exit = task("exit", (n: number) => { ran("exit"); process.exit(n); });
      export default flow({ name: "exits", executor }, () => { exit.map(Array.from({ length: 300 }, (_, n) => n)); });
    `,
    after: { state: "Crashed", message: /"exit" is given up.*process\.exit/s, ran: { exit: [5, 20] } },
  },
  ...["SIGSEGV", "SIGKILL", "exit"].map((how) => ({
    name: `300 tasks whose module ends by ${how} when it is imported, and one`,
    on: how === "exit" ? POOLS : WORKERS,
    files: {
      "deadly.ts": `
        import { isMainThread } from "node:worker_threads";
        import { task } from "@muster/core";
        if (!isMainThread) ${how === "exit" ? "process.exit(3)" : `{ process.kill(process.pid, "${how}"); for (;;); }`}
        export const work = task("work", (n: number) => n);
      `,
    },
    flow: `
      import { work } from "./deadly.ts";
      export default flow({ name: "imports", executor }, async () => {
        const error = (await work(1).then(() => undefined, (thrown: unknown) => thrown)) as Error;
        const ends = await Promise.allSettled([...work.map(Array.from({ length: 300 }, (_, n) => n))]);
        return [error.message, ends.filter(({ status }) => status === "rejected").length];
      });
    `,
    after: {
      state: "Success" as const,
      result: [expect.stringMatching(how === "exit" ? /code/ : /while its code was loaded/), 300],
    },
  })),
  {
    name: "six processes that are killed together, while they wait for something to do",
    on: WORKERS,
    executor: { workers: 6 },
    flow: `
      const pid = task("pid", async () => { ran("pid"); await told("go on"); return process.pid; });
      const add = task("add", (a: number, b: number) => a + b);
      export default flow({ name: "killed-together", executor }, async () => {
        await Promise.all(Array.from({ length: 6 }, () => pid()));
        ran("idle");
        await told("killed");
        return add(1, 2);
      });
    `,
    async during(scene) {
      await scene.marked("pid", 6);
      scene.tell("go on");
      await scene.marked("idle");
      for (let worker = 0; worker < 6; worker++) await scene.killWorker();
      scene.tell("killed");
    },
    after: { state: "Success", result: 3 },
  },
]);
