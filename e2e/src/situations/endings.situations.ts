import { expect } from "vitest";
import { CLUSTERS, describeSituations, POOLS, type Situation, WORKERS } from "./frame/describe-situations.ts";

const IMPORTS = `
  import { execSync } from "node:child_process";
  import { pbkdf2Sync } from "node:crypto";
  import { readFileSync } from "node:fs";
`;

/** Calls of native code, in which a thread cannot be interrupted: each takes far longer than a row may. */
const CALLS: Readonly<Record<string, string>> = {
  "waits for a program": `execSync("sleep 600");`,
  "waits for a program that does not end when asked": `execSync("trap '' TERM INT HUP; sleep 600 & wait");`,
  "computes in C++": `pbkdf2Sync("a", "b", 2_000_000_000, 64, "sha512");`,
  "reads what nobody writes": `execSync("mkfifo fifo"); readFileSync("fifo");`,
};
const forEachCall = (row: (what: string, call: string) => Omit<Situation, "on">): Situation[] =>
  Object.entries(CALLS).map(([what, call]) => ({ ...row(what, call), on: POOLS }));

describeSituations(
  "a task in a call that nothing interrupts",
  forEachCall((what, call) => ({
    name: `ends by its timeout when it ${what}, and is tried again after that`,
    executor: { workers: 1, cancelGraceMs: 100 },
    flow: `${IMPORTS}
      const native = task({ name: "native", timeout: 300, retries: 1, workerLostRetries: 0 }, () => {
        ran("native");
        if (context.attempt === 1) { ${call} }
        return context.attempt;
      });
      export default flow({ name: "native", executor }, () => native());
    `,
    after: { state: "Success", result: 2, ran: { native: 2 } },
  })),
);

describeSituations(
  "a task in a call that nothing interrupts",
  forEachCall((what, call) => ({
    name: `ends by two Ctrl-C when it ${what}`,
    executor: { workers: 1 },
    start: { by: "muster run" },
    flow: `${IMPORTS}
      const native = task("native", () => { ran("native"); ${call} });
      export default flow({ name: "native", executor }, () => native());
    `,
    async during(scene) {
      await scene.marked("native");
      await scene.signal("SIGINT");
      await scene.printed(/Cancelling/);
      await scene.signal("SIGINT");
    },
    // On a busy machine before the run could say that it was cancelled.
    after: { exitCode: 130 },
  })),
);

const computes = `${IMPORTS}
  const native = task({ name: "native", timeout: 300 }, () => { ran("native"); ${CALLS["computes in C++"]} });
  const deaf = task("native", () => { ran("native"); ${CALLS["computes in C++"]} });
`;

describeSituations("a task in a call that nothing interrupts", [
  {
    name: "ends by SIGTERM to its driver",
    on: POOLS,
    start: { by: "muster run" },
    executor: { workers: 1, cancelGraceMs: 100 },
    flow: `${computes} export default flow({ name: "native", executor }, () => deaf());`,
    async during(scene) {
      await scene.marked("native");
      await scene.signal("SIGTERM");
    },
    after: { state: "Cancelled" },
  },
  {
    name: "ends when its driver was killed",
    on: WORKERS,
    executor: { workers: 1 },
    flow: `${computes} export default flow({ name: "native", executor }, () => deaf());`,
    async during(scene) {
      await scene.marked("native");
      await scene.signal("SIGKILL");
    },
    after: (place) => ({ signal: "SIGKILL", ...(place === "docker" && { left: /muster-run-/ }) }),
  },
  {
    name: "ends with a flow that does not wait for it",
    on: POOLS,
    executor: { workers: 2, cancelGraceMs: 100 },
    flow: `${computes}
      const fail = task("fail", async () => { await told("native"); throw new Error("it broke"); });
      export default flow({ name: "native", executor }, async () => { deaf(); await fail(); });
    `,
    after: { state: "Failed", message: "it broke" },
  },
  {
    name: "costs those that run beside it none of their retries",
    on: CLUSTERS,
    executor: { workers: 1, cancelGraceMs: 100, cluster: { threadsPerWorker: 2 } },
    flow: `${computes}
      const beside = task({ name: "beside", workerLostRetries: 0 }, async () => {
        ran("beside");
        await told("timed out");
        return "done";
      });
      export default flow({ name: "native", executor }, async () => {
        const other = beside();
        const error = await native().then(() => "none", (thrown) => thrown.code);
        ran("timed out");
        return [error, await other];
      });
    `,
    after: { state: "Success", result: ["TASK_TIMEOUT", "done"], ran: { native: 1, beside: 2 } },
  },
  {
    name: "lets those that are about to end beside it end",
    on: CLUSTERS,
    executor: { workers: 1, cancelGraceMs: 100, cluster: { threadsPerWorker: 2 } },
    flow: `${computes}
      const beside = task("beside", async () => {
        ran("beside");
        // It ends when the other one's thread is seen to be stuck, or soon after.
        await new Promise((resolve) => setTimeout(resolve, 1600));
        return "done";
      });
      export default flow({ name: "native", executor }, async () => {
        const other = beside();
        return [await native().then(() => "none", (thrown) => thrown.code), await other];
      });
    `,
    after: { state: "Success", result: ["TASK_TIMEOUT", "done"], ran: { native: 1, beside: [1, 2] } },
  },
  {
    name: "leaves a pool of threads its number of threads, and says so",
    on: ["threads"],
    executor: { workers: 1, cancelGraceMs: 100 },
    flow: `${IMPORTS}
      const native = task({ name: "native", timeout: 300 }, () => pbkdf2Sync("a", "b", 2_000_000_000, 64, "sha512"));
      const next = task("next", () => "it goes on");
      export default flow({ name: "native", executor }, async () => [
        await native().then(() => "none", (thrown) => thrown.code),
        await next(),
      ]);
    `,
    start: { by: "muster run" },
    after: { state: "Success", stderr: "native code that does not return" },
  },
  {
    name: "does not keep the program from exiting, with its own exit code and last words",
    on: POOLS,
    executor: { workers: 1, cancelGraceMs: 100 },
    flow: `${computes} export default flow({ name: "native", executor }, () => native());`,
    main: `
      ended(await self.run());
      process.on("exit", (code) => console.log("it ends with " + code));
      process.exitCode = 7;
    `,
    after: { state: "Failed", exitCode: 7, stdout: "it ends with 7" },
  },
]);

describeSituations("a worker that is stopped", [
  {
    name: "does not keep a run from being cancelled",
    on: WORKERS,
    start: { by: "muster run" },
    executor: { workers: 1, cancelGraceMs: 100, client: { heartbeatMs: 200 } },
    flow: `
      const wait = task("wait", () => { ran("wait"); return forever(); });
      export default flow({ name: "waits", executor }, () => wait());
    `,
    async during(scene) {
      await scene.marked("wait");
      await scene.killWorker("SIGSTOP");
      await scene.signal("SIGTERM");
    },
    after: { state: "Cancelled" },
  },
]);

describeSituations("timeouts", [
  {
    name: "the signal comes at the timeout, the end after the grace",
    on: POOLS,
    executor: { workers: 1, cancelGraceMs: 1000 },
    flow: `
      const deaf = task({ name: "deaf", timeout: 300 }, async () => {
        context.signal.addEventListener("abort", () => ran("told"));
        await forever();
      });
      export default flow({ name: "deaf", executor }, () => deaf());
    `,
    after: { state: "Failed", message: /longer than its timeout of 300 ms and was ended/, ran: { told: 1 } },
  },
  {
    name: "what computes longer than its timeout has timed out, also where nothing could interrupt it",
    flow: `
      const busy = task({ name: "busy", timeout: 100 }, () => compute(400));
      export default flow({ name: "busy", executor }, () => busy());
    `,
    after: (place) => ({
      state: "Failed",
      error: { name: "TaskTimeoutError", code: "TASK_TIMEOUT" },
      message:
        place === "local"
          ? /could not be ended: it kept the driver's own thread busy.*after \d+ ms\.$/
          : /was ended/,
    }),
  },
  {
    name: "what throws after its timeout has timed out as well",
    flow: `
      const busy = task({ name: "busy", timeout: 100 }, () => { compute(400); throw new Error("too late"); });
      export default flow({ name: "busy", executor }, () => busy());
    `,
    after: { state: "Failed", error: { name: "TaskTimeoutError" } },
  },
  {
    name: "the late end of a task that was given up is nobody's",
    flow: `
      const deaf = task({ name: "deaf", timeout: 100 }, async () => { await told("next"); ran("late"); return "late"; });
      const next = task("next", async (_after: unknown) => { ran("next"); await told("late or not"); return "next"; });
      export default flow({ name: "deaf", executor }, async () => {
        const error = await deaf().then(() => "none", (thrown) => thrown.code);
        const after = next(error);
        await told("next");
        await new Promise((resolve) => setTimeout(resolve, 100));
        ran("late or not");
        return [error, await after];
      });
    `,
    executor: { workers: 1, cancelGraceMs: 0 },
    after: { state: "Success", result: ["TASK_TIMEOUT", "next"] },
  },
  {
    name: "a task that times out in every attempt is tried as often as it may be, one attempt after the other",
    on: POOLS,
    // A driver that is slow is not taken for dead.
    executor: { workers: 2, cancelGraceMs: 100, client: { deathTimeoutMs: 30_000 } },
    flow: `
      const deaf = task({ name: "deaf", timeout: 200, retries: 2 }, async () => {
        ran("begins");
        for (;;) { ran("works " + context.attempt); await new Promise((resolve) => setTimeout(resolve, 10)); }
      });
      export default flow({ name: "deaf", executor }, () => deaf());
    `,
    after: {
      state: "Failed",
      error: { name: "TaskTimeoutError" },
      ran: { begins: 3 },
      check({ ran }) {
        const attempts = ran.filter((word) => word.startsWith("works"));
        expect(attempts).toEqual(attempts.toSorted());
      },
    },
  },
]);
