import { readFileSync } from "node:fs";
import { CLUSTERS, describeSituations, POOLS, type Situation, WORKERS } from "./frame/describe-situations.ts";
import type { Scene } from "./frame/scene.ts";

/** A task that leaves programs behind: one of its group, one that has left it, one whose parent is gone. */
const LEAVES = `
  import { spawn, spawnSync } from "node:child_process";
  function leave(): void {
    spawn("sleep", ["600"]).on("error", () => {});
    spawn("sleep", ["600"], { detached: true, stdio: "ignore" }).unref();
    spawnSync("sh", ["-c", "setsid sleep 600 > /dev/null 2>&1 & exit"]);
    ran("left");
  }
`;

describeSituations("programs that a task started are gone when", [
  {
    name: "its run succeeds",
    on: POOLS,
    flow: `${LEAVES}
      const leaves = task("leaves", leave);
      export default flow({ name: "leaves", executor }, () => { leaves(); });
    `,
    after: { state: "Success", ran: { left: 1 } },
  },
  {
    name: "it fails, and its run with it",
    on: POOLS,
    flow: `${LEAVES}
      const leaves = task("leaves", () => { leave(); throw new Error("it broke"); });
      export default flow({ name: "leaves", executor }, () => leaves());
    `,
    after: { state: "Failed", ran: { left: 1 } },
  },
  {
    name: "it times out",
    on: POOLS,
    executor: { cancelGraceMs: 100 },
    flow: `${LEAVES}
      const leaves = task({ name: "leaves", timeout: 300 }, () => { leave(); return forever(); });
      const next = task("next", () => told("go on"));
      export default flow({ name: "leaves", executor }, async () => {
        await leaves().then(undefined, () => ran("timed out"));
        await next();
      });
    `,
    async during(scene) {
      await scene.marked("timed out");
      // They go with their task where one can tell; in a container they go with it.
      if (scene.place !== "docker") await scene.until(() => programs(scene) === 0, "the end of its programs");
      scene.tell("go on");
    },
    after: { state: "Success", ran: { left: 1 } },
  },
  {
    name: "its run is cancelled by Ctrl-C",
    on: POOLS,
    executor: { cancelGraceMs: 100 },
    start: { by: "muster run" },
    flow: `${LEAVES}
      const leaves = task("leaves", () => { leave(); return forever(); });
      export default flow({ name: "leaves", executor }, () => leaves());
    `,
    async during(scene) {
      await scene.marked("left");
      scene.signalGroup("SIGINT");
    },
    after: { state: "Cancelled" },
  },
  {
    name: "its worker is told to end",
    on: CLUSTERS,
    executor: { workers: 1 },
    flow: `${LEAVES}
      const leaves = task("leaves", leave);
      const next = task("next", async (_after: unknown) => told("go on"));
      export default flow({ name: "leaves", executor }, () => next(leaves()));
    `,
    async during(scene) {
      await scene.marked("left");
      await scene.killWorker("SIGTERM");
      scene.tell("go on");
    },
    after: { state: "Success", ran: { left: 1 } },
  },
  {
    name: "its worker is killed",
    on: WORKERS,
    executor: { workers: 1 },
    flow: `${LEAVES}
      const leaves = task("leaves", async () => { leave(); await told("go on"); });
      export default flow({ name: "leaves", executor }, () => leaves());
    `,
    async during(scene) {
      await scene.marked("left");
      await scene.killWorker();
      await scene.marked("left", 2);
      scene.tell("go on");
    },
    after: { state: "Success", ran: { left: 2 } },
  },
  {
    name: "SIGTERM ends its run",
    on: POOLS,
    executor: { cancelGraceMs: 100 },
    start: { by: "muster run" },
    flow: `${LEAVES}
      const leaves = task("leaves", () => { leave(); return forever(); });
      export default flow({ name: "leaves", executor }, () => leaves());
    `,
    async during(scene) {
      await scene.marked("left");
      await scene.signal("SIGTERM");
    },
    after: { state: "Cancelled" },
  },
  ...(["SIGKILL", "SIGQUIT"] as const).map(
    (signal): Situation => ({
      name: `${signal} ends its driver`,
      on: WORKERS,
      flow: `${LEAVES}
        const leaves = task("leaves", () => { leave(); return forever(); });
        export default flow({ name: "leaves", executor }, () => leaves());
      `,
      async during(scene) {
        await scene.marked("left");
        await scene.signal(signal);
      },
      after: (place) => ({ signal, ...(place === "docker" && { left: /muster-run-/ }) }),
    }),
  ),
  {
    name: "its driver calls process.exit",
    on: POOLS,
    flow: `${LEAVES}
      const leaves = task("leaves", () => { leave(); return forever(); });
      export default flow({ name: "leaves", executor }, () => leaves());
    `,
    main: `void self.run(); await told("left"); process.exit(7);`,
    after: { exitCode: 7 },
  },
  {
    name: "its driver ends by an uncaught error",
    on: POOLS,
    flow: `${LEAVES}
      const leaves = task("leaves", () => { leave(); return forever(); });
      export default flow({ name: "leaves", executor }, () => leaves());
    `,
    main: `void self.run(); await told("left"); throw new Error("on purpose");`,
    after: { exitCode: 1, stderr: "on purpose" },
  },
]);

/** How many of those programs are there. */
function programs(scene: Scene): number {
  return scene.child.processes().filter(isProgram).length;
}

function isProgram(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("sleep");
  } catch {
    return false;
  }
}
