import { describeSituations, EVERYWHERE, POOLS, WORKERS } from "./frame/describe-situations.ts";

/** Calls in which a thread cannot be interrupted, each far longer than a row may take. */
const NATIVE = {
  "waits for a program": `execSync("sleep 600");`,
  "waits for a program that does not end when asked": `execSync("trap '' TERM INT HUP; sleep 600 & wait");`,
  "computes in C++": `pbkdf2Sync("a", "b", 2_000_000_000, 64, "sha512");`,
  "reads what nobody writes": `execSync("mkfifo fifo"); readFileSync("fifo");`,
};

const IMPORTS = `
  import { execSync, spawn } from "node:child_process";
  import { pbkdf2Sync } from "node:crypto";
  import { readFileSync } from "node:fs";
`;

/** What only the end of its process ends; the process of a pool of threads is the user's own. */
const nativeCalls = Object.entries(NATIVE).map(([what, call]) => ({
  what,
  call,
  on: what.startsWith("waits") ? POOLS : WORKERS,
}));

describeSituations("how a task ends that does not by itself", [
  ...nativeCalls.map(({ what, call, on }) => ({
    name: `its timeout ends a task that ${what}, and its next attempt comes after that`,
    on,
    executor: { workers: 1, cancelGraceMs: 100 },
    flow: `${IMPORTS}
      const native = task({ name: "native", timeout: 300, retries: 1, workerLostRetries: 0 }, () => {
        ran("native");
        if (context.attempt === 1) { ${call} }
        return context.attempt;
      });
      export default flow({ name: "native", executor }, () => native());
    `,
    after: { state: "Success" as const, result: 2, ran: { native: 2 } },
  })),
  ...nativeCalls.map(({ what, call, on }) => ({
    name: `two Ctrl-C end a task that ${what}`,
    on,
    executor: { workers: 1 },
    start: { by: "muster run" as const },
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
    after: { exitCode: 130 },
  })),
] satisfies Parameters<typeof describeSituations>[1]);

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
    on: EVERYWHERE,
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
] satisfies Parameters<typeof describeSituations>[1]);
