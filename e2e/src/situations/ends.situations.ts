import { CLUSTERS, describeSituations, POOLS, WORKERS } from "./frame/describe-situations.ts";

describeSituations("what ends a run", [
  {
    name: "a flow that succeeds",
    flow: `
      const double = task("double", (n: number) => { ran("double"); return n * 2; });
      export default flow({ name: "doubles", executor }, () => double.map([1, 2, 3]));
    `,
    after: { state: "Success", result: [2, 4, 6], ran: { double: 3 } },
  },
  {
    name: "a task that fails, while another one would run for ever",
    on: POOLS,
    executor: { cancelGraceMs: 100 },
    flow: `
      const fail = task("fail", async () => { await told("endless"); throw new RangeError("it broke"); });
      const endless = task("endless", () => { ran("endless"); return forever(); });
      export default flow({ name: "fails", executor }, async () => { endless(); await fail(); });
    `,
    after: { state: "Failed", message: "it broke", error: { name: "RemoteTaskError" }, ran: { endless: 1 } },
  },
  {
    name: "Ctrl-C in the middle of tasks",
    executor: { cancelGraceMs: 100 },
    start: { by: "muster run" },
    flow: `
      const wait = task("wait", () => { ran("wait"); return forever(); });
      export default flow({ name: "waits", executor }, () => wait.map([1, 2, 3]));
    `,
    async during(scene) {
      await scene.marked("wait", scene.place === "local" ? 1 : 2);
      scene.signalGroup("SIGINT");
    },
    after: { state: "Cancelled", exitCode: 130, stderr: "Cancelling: running tasks may clean up" },
  },
  {
    name: "SIGTERM to a program in the middle of its flow",
    // In the driver's own thread nobody can end a task that does not listen.
    on: POOLS,
    executor: { cancelGraceMs: 100 },
    flow: `
      const wait = task("wait", () => { ran("wait"); return forever(); });
      export default flow({ name: "waits", executor }, () => wait.map([1, 2]));
    `,
    async during(scene) {
      await scene.marked("wait");
      await scene.signal("SIGTERM");
    },
    after: { state: "Cancelled", signal: "SIGTERM", stderr: { not: "Error" } },
  },
  {
    name: "kill -9 of the driver",
    on: WORKERS,
    flow: `
      const wait = task("wait", (_value: Uint8Array) => { ran("wait"); return forever(); });
      const big = task("big", () => new Uint8Array(200_000));
      export default flow({ name: "waits", executor }, () => wait.map([big(), big()]));
    `,
    async during(scene) {
      await scene.marked("wait", 2);
      await scene.signal("SIGKILL");
    },
    // Containers cannot reach the directory on their driver's machine.
    after: (place) => ({ signal: "SIGKILL", ...(place === "docker" && { left: /muster-run-/ }) }),
  },
  {
    name: "a worker that is killed in the middle of a task, which then runs elsewhere",
    on: WORKERS,
    executor: { workers: 1 },
    flow: `
      const work = task("work", async () => { ran("work"); await told("go on"); return "done"; });
      export default flow({ name: "loses", executor }, () => work());
    `,
    async during(scene) {
      await scene.marked("work");
      await scene.killWorker();
      await scene.marked("work", 2);
      scene.tell("go on");
    },
    after: { state: "Success", result: "done", ran: { work: 2 } },
  },
  {
    name: "a worker that is told to end finishes what it runs, and nothing runs twice",
    on: CLUSTERS,
    executor: { workers: 1 },
    flow: `
      const work = task("work", async () => { ran("work"); await told("go on"); });
      const next = task("next", (_after: unknown) => ran("next"));
      export default flow({ name: "drains", executor }, () => next(work()));
    `,
    async during(scene) {
      await scene.marked("work");
      await scene.killWorker("SIGTERM");
      scene.tell("go on");
    },
    after: { state: "Success", ran: { work: 1, next: 1 } },
  },
  {
    name: "Ctrl-C in a terminal",
    on: ["cluster"],
    executor: { cancelGraceMs: 100 },
    start: { by: "muster run", terminal: true },
    flow: `
      const wait = task("wait", () => { ran("wait"); return forever(); });
      export default flow({ name: "waits", executor }, () => wait());
    `,
    async during(scene) {
      await scene.marked("wait");
      await scene.signal("SIGINT");
    },
    after: { state: "Cancelled", stdout: "Cancelled" },
  },
  {
    name: "a driver in a container of its own, with a local cluster",
    on: ["threads", "processes", "cluster"],
    start: { container: true },
    flow: `
      const double = task("double", (n: number) => { ran("double"); return n * 2; });
      export default flow({ name: "doubles", executor }, () => double.map([1, 2, 3]));
    `,
    after: { state: "Success", result: [2, 4, 6], ran: { double: 3 } },
  },
]);
