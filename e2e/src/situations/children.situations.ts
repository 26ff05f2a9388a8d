import {
  CLUSTERS,
  describeSituations,
  type Place,
  POOLS,
  type Scene,
  WORKERS,
} from "./frame/describe-situations.ts";

const START = `import { spawn, execSync } from "node:child_process"; import { once } from "node:events";`;

/** `readForEver()` never comes back from native code, and nothing ends it but the end of its process. */
const STUCK = `
  import { execFileSync, execSync } from "node:child_process";
  import { openSync, readSync, unlinkSync } from "node:fs";
  import { tmpdir } from "node:os";
  function readForEver(): void {
    const pipe = tmpdir() + "/pipe-" + process.pid + "-" + Math.random();
    execFileSync("mkfifo", [pipe]);
    const file = openSync(pipe, "r+");
    unlinkSync(pipe);
    ran("stuck");
    readSync(file, new Uint8Array(1));
  }
`;

describeSituations("what tasks have started goes with them", [
  ...(["Success", "Failed"] as const).map((state) => ({
    name: `a program that a task started and left, when the run is a ${state}`,
    on: POOLS,
    flow: `
      ${START}
      const leave = task("leave", async () => {
        const child = spawn("sleep", ["1000"], { stdio: "ignore" });
        child.unref();
        await once(child, "spawn");
        ran("left");
        ${state === "Failed" ? `throw new Error("on purpose");` : ""}
      });
      export default flow({ name: "leaves", executor }, () => leave.map([1, 2]));
    `,
    after: { state, ran: { left: [state === "Failed" ? 1 : 2, 2] as const } },
  })),
  {
    name: "a program in a session of its own, deaf to SIGTERM, and what that started in turn",
    on: POOLS,
    flow: `
      ${START}
      const leave = task("leave", async () => {
        const child = spawn("sh", ["-c", "trap '' TERM HUP INT; setsid sleep 1000 & sleep 1000; sleep 1000"], { stdio: "ignore", detached: true });
        child.unref();
        await once(child, "spawn");
        ran("left");
      });
      export default flow({ name: "leaves", executor }, () => leave.map([1, 2]));
    `,
    after: { state: "Success", ran: { left: 2 } },
  },
  {
    name: "a daemon: its parent has ended",
    on: POOLS,
    flow: `
      ${START}
      const leave = task("leave", async () => {
        execSync("setsid sh -c 'sleep 1000 >/dev/null 2>&1 &'", { stdio: "ignore" });
        ran("left");
      });
      export default flow({ name: "leaves", executor }, () => leave.map([1, 2]));
    `,
    after: { state: "Success", ran: { left: 2 } },
  },
  ...(["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const).map((signal) => ({
    name: `${signal} to the driver, while a task waits for a program`,
    on: WORKERS,
    executor: { cancelGraceMs: 100 },
    flow: `
      ${START}
      const wait = task("wait", async (how: string) => {
        ran("wait");
        if (how === "sync") execSync("sleep 1000");
        else await once(spawn("sleep", ["1000"]), "exit");
      });
      export default flow({ name: "waits", executor }, () => wait.map(["sync", "async"]));
    `,
    async during(scene: Scene) {
      await scene.marked("wait", 2);
      await scene.until(() => scene.children().length >= 2, "two programs");
      await scene.signal(signal);
    },
    // Containers cannot reach the directory on their driver's machine.
    after: (place: Place) =>
      signal === "SIGKILL"
        ? { signal, ...(place === "docker" && { left: /muster-run-/ }) }
        : { state: "Cancelled" as const, signal },
  })),
  {
    name: "a worker that is killed, while its task waits for a program",
    on: WORKERS,
    executor: { workers: 1 },
    flow: `
      ${START}
      const wait = task({ name: "wait", workerLostRetries: 0 }, async () => { ran("wait"); await once(spawn("sleep", ["1000"], { detached: true }), "exit"); });
      export default flow({ name: "waits", executor }, () => wait());
    `,
    async during(scene) {
      await scene.marked("wait");
      await scene.until(() => scene.children().length >= 1, "a program");
      await scene.killWorker();
    },
    after: { state: "Crashed" },
  },
]);

describeSituations("calls that nothing interrupts", [
  {
    name: "a timeout around a program that is waited for, which then is ended",
    on: POOLS,
    executor: { cancelGraceMs: 500 },
    flow: `
      ${START}
      const wait = task({ name: "wait", timeout: 500 }, () => { ran("wait"); execSync("sleep 1000"); });
      const next = task("next", () => { ran("next"); });
      export default flow({ name: "waits", executor }, async () => {
        const end = await wait().then(() => "it ended", (error: Error) => error.name);
        await next.map([1, 2]);
        return end;
      });
    `,
    after: { state: "Success", result: "TaskTimeoutError", ran: { wait: 1, next: 2 } },
  },
  {
    name: "a timeout around a read that nothing ends, and the tasks beside it run once each",
    on: CLUSTERS,
    executor: { workers: 1, cancelGraceMs: 500, cluster: { threadsPerWorker: 2 } },
    flow: `
      ${STUCK}
      const stuck = task({ name: "stuck", timeout: 500, workerLostRetries: 0 }, readForEver);
      const beside = task({ name: "beside", workerLostRetries: 0 }, (n: number) => { compute(20); ran("beside"); return n; });
      export default flow({ name: "stuck", executor }, async () => {
        const first = stuck();
        const others = beside.map(Array.from({ length: 200 }, () => 1));
        const end = await first.then(() => "it ended", (error: Error) => error.name);
        return [end, (await others).length];
      });
    `,
    after: { state: "Success", result: ["TaskTimeoutError", 200], ran: { stuck: 1, beside: 200 } },
  },
  {
    name: "the same beside a task that does not end soon: it is ended with its process, which costs it no retry",
    on: CLUSTERS,
    executor: { workers: 1, cancelGraceMs: 500, cluster: { threadsPerWorker: 2 } },
    flow: `
      ${STUCK}
      const stuck = task({ name: "stuck", timeout: 500 }, readForEver);
      const beside = task({ name: "beside", workerLostRetries: 0 }, async () => { ran("beside"); await told("go on"); });
      export default flow({ name: "stuck", executor }, async () => {
        const first = stuck();
        const other = beside();
        const end = await first.then(() => "it ended", (error: Error) => error.name);
        await other;
        return end;
      });
    `,
    async during(scene) {
      await scene.marked("beside", 2);
      scene.tell("go on");
    },
    after: { state: "Success", result: "TaskTimeoutError", ran: { stuck: 1, beside: 2 } },
  },
  {
    name: "a cancel of a task that computes for ever, and of one that waits in native code",
    on: WORKERS,
    executor: { cancelGraceMs: 100 },
    flow: `
      ${STUCK}
      const busy = task("busy", () => { ran("busy"); for (;;); });
      const stuck = task("stuck", () => readForEver());
      export default flow({ name: "stuck", executor }, () => [busy(), stuck()]);
    `,
    async during(scene) {
      await scene.marked("busy");
      await scene.marked("stuck");
      await scene.signal("SIGTERM");
    },
    after: { state: "Cancelled", signal: "SIGTERM", ran: { busy: 1, stuck: 1 } },
  },
  {
    name: "Ctrl-C twice, while a task is in a read of a pipe that never comes",
    on: WORKERS,
    start: { by: "muster run" },
    flow: `
      ${STUCK}
      const stuck = task("stuck", () => readForEver());
      export default flow({ name: "stuck", executor }, () => stuck());
    `,
    async during(scene) {
      await scene.marked("stuck");
      scene.signalGroup("SIGINT");
      await scene.printed(/Cancelling/);
      scene.signalGroup("SIGINT");
    },
    // On a busy machine before the run could say that it was cancelled.
    after: { exitCode: 130 },
  },
]);
