import { readdirSync, readFileSync } from "node:fs";
import { expect } from "vitest";
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
  ...(["Success", "Cancelled"] as const).map(
    (state, index): Situation => ({
      name: `its run is a ${state}, also those in a session of their own that got none of its environment`,
      // Of threads they cannot be told from the program's own.
      on: ["processes", "cluster"],
      executor: { cancelGraceMs: 100 },
      start: { by: "muster run" },
      flow: `
        import { spawn } from "node:child_process";
        const leaves = task("leaves", () => {
          const seconds = 700 + ${index} + (place === "cluster" ? 0.5 : 0);
          spawn("sleep", [String(seconds)], { detached: true, stdio: "ignore", env: { PATH: process.env.PATH } }).unref();
          ran("left");
          return ${state === "Success" ? "undefined" : "forever()"};
        });
        export default flow({ name: "leaves", executor }, () => { leaves(); });
      `,
      async during(scene) {
        await scene.marked("left");
        if (state === "Cancelled") scene.signalGroup("SIGINT");
      },
      after: (place) => ({
        state,
        check() {
          const seconds = String(700 + index + (place === "cluster" ? 0.5 : 0));
          expect(commands().filter((words) => words[0] === "sleep" && words[1] === seconds)).toEqual([]);
        },
      }),
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

/** Of all processes of this machine. */
function commands(): string[][] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => commandOf(Number(pid)));
}

/** How many of those programs are there. */
function programs(scene: Scene): number {
  return scene.child.processes().filter((pid) => commandOf(pid)[0] === "sleep").length;
}

function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    // It has ended meanwhile.
    return [];
  }
}
