import { describeSituations } from "./frame/describe-situations.ts";

/** A task whose process is killed, so that the program that it started, and what that started, lose their parents. */
const ORPHANS = `
  import { spawn } from "node:child_process";
  import { readdirSync, readFileSync } from "node:fs";
  const leave = task({ name: "leave", workerLostRetries: 1 }, () => {
    if (context.attempt > 1) return;
    spawn("sh", ["-c", "sleep 600; true"]).once("spawn", () => setTimeout(() => process.kill(process.pid, "SIGKILL"), 100));
    return forever();
  });
  function zombies(): number {
    return readdirSync("/proc").filter((entry) => {
      try {
        return / Z 1 /.test(readFileSync("/proc/" + entry + "/stat", "latin1"));
      } catch {
        return false;
      }
    }).length;
  }
`;

describeSituations("the first process of a container without an init process", [
  {
    name: "muster run reaps what lost its parent",
    on: ["processes", "cluster"],
    start: { container: true, by: "muster run" },
    flow: `${ORPHANS}
      export default flow({ name: "orphans", executor }, async () => {
        await leave();
        while (zombies() > 0) await new Promise((resolve) => setTimeout(resolve, 20));
        return process.pid === 1 ? "it is the first" : "it is not";
      });
    `,
    after: { state: "Success" },
  },
  {
    name: "a program says what stays, and what to do about it",
    on: ["processes", "cluster"],
    start: {
      container: true,
      runOptions: `onEvent: (event) => { if (event.type === "log") console.log(event.message); }`,
    },
    flow: `${ORPHANS}
      export default flow({ name: "orphans", executor }, () => leave());
    `,
    after: { state: "Success", stdout: /processes have ended and stay as zombies.*docker run --init/ },
  },
  {
    name: "a signal to muster run cancels, and tasks may clean up",
    on: ["threads", "cluster"],
    start: { container: true, by: "muster run" },
    flow: `
      const wait = task("wait", async () => {
        ran("wait");
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        ran("cleaned up");
      });
      export default flow({ name: "waits", executor }, () => wait());
    `,
    async during(scene) {
      await scene.marked("wait");
      await scene.signal("SIGTERM");
    },
    after: { state: "Cancelled", ran: { "cleaned up": 1 } },
  },
  {
    name: "muster run ends with the flow's exit code",
    on: ["local"],
    start: { container: true, by: "muster run" },
    flow: `export default flow({ name: "fails", executor }, () => { throw new Error("it broke"); });`,
    after: { state: "Failed", exitCode: 1, stderr: "it broke" },
  },
  {
    name: "what a process of the flow's own prints and reads goes through",
    on: ["local"],
    start: { container: true, by: "muster run", env: { GREETING: "hello  there" } },
    flow: `
      export default flow({ name: "prints", executor }, () => {
        console.log("out: " + process.env.GREETING);
        console.error("err: " + (process.pid === 1));
      });
    `,
    after: { state: "Success", stdout: "out: hello  there", stderr: "err: false" },
  },
]);
