import { describeSituations } from "./frame/describe-situations.ts";

const PLACES = ["local", "threads", "processes", "cluster"] as const;

describeSituations("what is said", [
  {
    name: "log lines of a program's flow and tasks go to stderr, with level, task and attempt",
    on: PLACES,
    flow: `
      const say = task({ name: "say", retries: 1 }, (n: number) => {
        context.logger.warn("careful", { n });
        if (context.attempt === 1) throw new Error("once more");
        return n;
      });
      export default flow({ name: "says", executor }, () => { context.logger.info("from the flow"); return say(1); });
    `,
    after: {
      state: "Success",
      stdout: { not: "careful" },
      stderr: [
        /^\d\d:\d\d:\d\d info {2}from the flow$/m,
        /^\d\d:\d\d:\d\d warn {2}say#1 \(attempt 1, .*\): careful \{ n: 1 \}$/m,
        /^\d\d:\d\d:\d\d warn {2}say#1 \(attempt 2, .*\): careful \{ n: 1 \}$/m,
      ],
    },
  },
  {
    name: "log: false silences a run, and an onEvent hears the lines instead",
    on: PLACES,
    flow: `
      const say = task("say", () => context.logger.error("careful"));
      export default flow({ name: "says", executor }, () => { say(); });
    `,
    main: `
      let heardLines = 0;
      await self.run({ log: false });
      ended(await self.run({ onEvent: (event) => { if (event.type === "log") heardLines++; } }));
      console.log("heard " + heardLines);
    `,
    after: { state: "Success", stderr: { not: "careful" }, stdout: "heard 1" },
  },
  {
    name: "an executor that serves no flow prints log lines as well, unless it is told not to",
    on: PLACES,
    main: `
      const say = task("say", (text: string) => context.logger.warn(text));
      { await using running = await executor.start(); await running.submit(say, ["loud"]); }
      { await using running = await executor.start({ log: false }); await running.submit(say, ["silent"]); }
    `,
    after: { stderr: [/warn {2}say#1 .*: loud$/m, { not: "silent" }] },
  },
  {
    name: "a long log line of a task that ended is heard, though the next one keeps its thread and the run ends with it",
    on: ["threads", "processes", "cluster", "docker"],
    executor: { workers: 1 },
    start: {
      runOptions: `onEvent: (event) => { if (event.type === "log" && event.task === "say") ran("heard " + event.message.length); }`,
    },
    flow: `
      const say = task("say", (bytes: number) => { if (bytes > 0) context.logger.info("l".repeat(bytes)); });
      const work = task("work", (ms: number) => compute(ms));
      export default flow({ name: "says", executor }, async () => {
        await Promise.all([say.map(Array(50).fill(0)), work.map(Array(50).fill(0))].flat());
        const said = say(30_000_000);
        work(60_000);
        await said;
        throw new Error("enough");
      });
    `,
    after: { state: "Failed", message: /enough/, ran: { "heard 30000000": 1 } },
  },
  {
    name: "what tasks print on a cluster carries its task and attempt, each line whole and in order",
    on: ["cluster"],
    executor: { workers: 1, tasksPerThread: 4 },
    flow: `
      const print = task("print", async (n: number) => {
        for (let line = 0; line < 20; line++) {
          console.log("line " + line + " of " + n);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
        console.error("done");
      });
      export default flow({ name: "prints", executor }, () => print.map([1, 2, 3, 4]));
    `,
    after: {
      state: "Success",
      check({ stderr }) {
        for (const n of [1, 2, 3, 4]) {
          const lines = [...stderr.matchAll(/ print#(\d) \(attempt 1, w-1\): line (\d+) of (\d)$/gm)];
          const mine = lines.filter(([, , , of]) => of === String(n));
          if (mine.some(([, id]) => id !== String(n)))
            throw new Error(`A line of ${n} carries another task.`);
          const order = mine.map(([, , line]) => Number(line));
          if (order.join() !== Array.from({ length: 20 }, (_, line) => line).join())
            throw new Error(`The lines of ${n} came as ${order.join()}.`);
        }
        if (stderr.match(/ print#\d \(attempt 1, w-1\): done$/gm)?.length !== 4)
          throw new Error("done is missing");
      },
    },
  },
  {
    name: "muster run in a pipe gives the whole result on stdout, and all else on stderr",
    on: ["local", "cluster"],
    start: { by: "muster run" },
    flow: `
      const make = task("make", (n: number) => { context.logger.info("making"); return "x".repeat(n); });
      export default flow({ name: "makes", executor }, () => [make(5000), new Map([[1, 2n]])]);
    `,
    after: {
      state: "Success",
      stderr: ["making", { not: "xxx" }],
      check({ stdout }) {
        const expected = `${JSON.stringify(["x".repeat(5000), [[1, "2"]]])}\n`;
        if (stdout !== expected) throw new Error(`stdout was ${stdout.slice(0, 200)}`);
      },
    },
  },
]);
