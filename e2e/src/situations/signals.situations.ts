import { describeSituations, POOLS } from "./frame/describe-situations.ts";
import type { Scene } from "./frame/scene.ts";

const BUSY = /keeps its thread busy/;

describeSituations("what signals do", [
  ...(["SIGINT", "SIGTERM", "SIGHUP"] as const).map((signal) => ({
    name: `the second ${signal} ends a program whose flow computes in a loop`,
    on: ["local", "processes", "cluster"] as const,
    flow: `
      const one = task("one", () => 1);
      const rest = task("rest", () => forever());
      export default flow({ name: "loops", executor }, async () => {
        await one();
        if (place !== "local") rest();
        ran("loop");
        for (;;);
      });
    `,
    async during(scene: Scene) {
      await scene.marked("loop");
      await scene.signal(signal);
      await scene.printed(BUSY);
      await scene.signal(signal);
    },
    after: { signal },
  })),
  {
    name: "the second signal ends a program that waits in native code, and the first one already was SIGTERM",
    on: ["local", "cluster"],
    flow: `
      import { execSync } from "node:child_process";
      const one = task("one", () => 1);
      export default flow({ name: "native", executor }, async () => {
        await one();
        ran("native");
        execSync("sleep 40 || true", { stdio: "ignore" });
      });
    `,
    async during(scene) {
      await scene.marked("native");
      await scene.signal("SIGTERM");
      await scene.printed(BUSY);
      await scene.signal("SIGINT");
    },
    // It has started that itself, and was not told to take it along.
    after: { signal: "SIGKILL", left: /sleep 40/ },
  },
  {
    name: "the second Ctrl-C ends a command whose flow computes at once, without waiting for anything",
    on: ["cluster"],
    start: { by: "muster run" },
    flow: `export default flow({ name: "loops", executor }, () => { ran("loop"); for (;;); });`,
    async during(scene) {
      await scene.marked("loop");
      await scene.signal("SIGINT");
      // The first one is enough, as long as there is nothing that could hear a second.
      const isBusy = scene.printed(BUSY).then(() => scene.signal("SIGINT"));
      await Promise.race([isBusy.catch(() => {}), scene.ended]);
    },
    after: { signal: "SIGINT" },
  },
  {
    name: "a loop that ends after the first signal: the run is cancelled then",
    on: ["local"],
    flow: `
      export default flow({ name: "computes", executor }, async () => { ran("loop"); compute(2000); await forever(); });
    `,
    async during(scene) {
      await scene.marked("loop");
      await scene.signal("SIGTERM");
    },
    after: { state: "Cancelled", signal: "SIGTERM" },
  },
  {
    name: "a terminalStateHandler that never ends: one signal, and the run is cancelled after a while",
    on: ["local", "cluster"],
    flow: `
      const one = task("one", () => 1);
      const terminalStateHandler = () => { ran("hangs"); return forever(); };
      export default flow({ name: "handled", executor, terminalStateHandler }, () => one());
    `,
    async during(scene) {
      await scene.marked("hangs");
      await scene.signal("SIGTERM");
    },
    after: { state: "Cancelled", message: /terminalStateHandler did not end/, signal: "SIGTERM" },
  },
  {
    name: "a terminalStateHandler that never ends: the second signal ends the command",
    on: ["local", "cluster"],
    start: { by: "muster run" },
    flow: `
      const one = task("one", () => 1);
      const terminalStateHandler = () => { ran("hangs"); return forever(); };
      export default flow({ name: "handled", executor, terminalStateHandler }, () => one());
    `,
    async during(scene) {
      await scene.marked("hangs");
      await scene.signal("SIGINT");
      await scene.printed(/Cancelling/);
      await scene.signal("SIGTERM");
    },
    after: { exitCode: 130 },
  },
  ...[
    ["a clusterClass factory", "new TemporaryClusterExecutor({ clusterClass: () => hang() })"],
    ["an executor's start", `{ name: "mine", start: () => hang() }`],
    [
      "a provider that locates the hub",
      "new TemporaryClusterExecutor({ clusterClass: () => hanging({ locateHub: hang }) })",
    ],
    ["a provider's open", "new TemporaryClusterExecutor({ clusterClass: () => hanging({ open: hang }) })"],
  ].map(([what, mine]) => ({
    name: `${what} that never answers: one signal, and the run is cancelled`,
    on: ["own"] as const,
    flow: `
      const hang = () => { ran("hangs"); return forever(); };
      const hanging = (mine: object) => new Cluster({ workers: 1, provider: {
        name: "hanging", launch: async () => [], terminate: async () => {}, logs: async function* () {},
        observe: async function* (signal: AbortSignal) { await new Promise((end) => signal.addEventListener("abort", end)); },
        ...mine,
      } });
      const one = task("one", () => 1);
      export default flow({ name: "hangs", executor: (${mine}) as never }, () => one());
    `,
    async during(scene: Scene) {
      await scene.marked("hangs");
      await scene.signal("SIGTERM");
    },
    after: { state: "Cancelled" as const, signal: "SIGTERM" as const },
  })),
  ...["launch", "close"].map((method) => ({
    name: `a provider's ${method} that never ends: the second signal ends the program`,
    on: ["own"] as const,
    flow: `
      const ${method} = () => { ran("hangs"); return forever(); };
      const clusterClass = () => new Cluster({ workers: 1, provider: {
        name: "hanging", launch: async () => [], terminate: async () => {}, logs: async function* () {},
        observe: async function* (signal: AbortSignal) { await new Promise((end) => signal.addEventListener("abort", end)); },
        ${method},
      } });
      export default flow({ name: "hangs", executor: new TemporaryClusterExecutor({ clusterClass }) }, async () => {
        if (${method === "launch"}) await forever();
      });
    `,
    async during(scene: Scene) {
      await scene.marked("hangs");
      await scene.signal("SIGINT");
      await scene.signal("SIGTERM");
    },
    after: { exitCode: 143 },
  })),
  {
    name: "an onEvent listener that never ends holds up nothing, and one that fails later ends nothing",
    on: ["local", "cluster"],
    flow: `
      const one = task("one", () => 1);
      export default flow({ name: "heard", executor }, () => one());
    `,
    main: `
      ended(await self.run({ onEvent: () => forever() }));
      ended(await self.run({ onEvent: async () => { throw new Error("later"); } }));
      process.exit();
    `,
    after: { state: "Success", result: 1 },
  },
  {
    name: "SIGTERM to a server without a handler of its own: its run is cancelled, and the server ends",
    on: POOLS,
    executor: { cancelGraceMs: 100 },
    flow: `
      const wait = task("wait", () => { ran("wait"); return forever(); });
      export default flow({ name: "waits", executor }, () => wait());
    `,
    main: `
      setInterval(() => {}, 1000);
      ended(await self.run());
    `,
    async during(scene) {
      await scene.marked("wait");
      await scene.signal("SIGTERM");
    },
    after: { state: "Cancelled", signal: "SIGTERM", stderr: { not: /Error|Warning/ } },
  },
  ...["on", "once"].map((how) => ({
    name: `SIGTERM to a server with a handler (process.${how}): its run is cancelled, and the rest is the handler's business`,
    on: ["cluster"] as const,
    executor: { cancelGraceMs: 100 },
    flow: `
      const wait = task("wait", () => { ran("wait"); return forever(); });
      export default flow({ name: "waits", executor }, () => wait());
    `,
    main: `
      process.${how}("SIGTERM", () => ran("handler"));
      const alive = setInterval(() => {}, 1000);
      ended(await self.run());
      await told("close");
      clearInterval(alive);
      process.exit(7);
    `,
    async during(scene: Scene) {
      await scene.marked("wait");
      await scene.signal("SIGTERM");
      await scene.marked("handler");
      scene.tell("close");
    },
    after: { state: "Cancelled" as const, exitCode: 7, ran: { handler: 1 } },
  })),
  {
    name: "SIGTERM to a program with twelve runs: all are cancelled, then it ends, and nobody is warned of listeners",
    on: ["local", "threads", "cluster"],
    executor: { workers: 1, cancelGraceMs: 100 },
    flow: `
      const wait = task("wait", () => { ran("wait"); return forever(); });
      export default flow({ name: "waits", executor }, () => wait());
    `,
    main: `
      const states = await Promise.all(Array.from({ length: 12 }, () => self.run()));
      console.log(states.map((state) => state.name).join(" "));
      ended(states[0]!);
      // Nothing is begun in a program that is about to end, whatever it tries.
      for (;;) console.log("then", (await self.run()).name);
    `,
    async during(scene) {
      await scene.marked("wait", 12);
      await scene.signal("SIGTERM");
    },
    after: {
      state: "Cancelled",
      signal: "SIGTERM",
      stdout: [Array(12).fill("Cancelled").join(" "), "then Cancelled"],
      stderr: { not: "Warning" },
      ran: { wait: 12 },
    },
  },
  {
    name: "a signal after a run, and one with handleSignals: false, does what it does in any program",
    on: ["local", "cluster"],
    flow: `
      const one = task("one", () => 1);
      export default flow({ name: "one", executor }, () => one());
    `,
    main: `
      await self.run();
      ended(await self.run({ handleSignals: false }));
      ran("idle");
      setInterval(() => {}, 1000);
    `,
    async during(scene) {
      await scene.marked("idle");
      await scene.signal("SIGINT");
    },
    after: { state: "Success", signal: "SIGINT" },
  },
  {
    name: "a terminal that is closed: the run is cancelled, and what it prints to nobody ends nothing",
    on: ["local", "processes", "cluster"],
    executor: { cancelGraceMs: 100 },
    start: { by: "muster run", terminal: true },
    flow: `
      const wait = task("wait", () => { ran("wait"); return forever(); });
      export default flow({ name: "waits", executor, terminalStateHandler }, () => wait());
      async function terminalStateHandler() {
        for (let n = 0; n < 100; n++) { process.stdout.write("more\\n"); process.stderr.write("more\\n"); }
        await new Promise((resolve) => setTimeout(resolve, 50));
        ran("handled");
      }
    `,
    async during(scene) {
      await scene.marked("wait");
      scene.hangUp();
    },
    // What was killed is what made the terminal.
    after: { state: "Cancelled", signal: "SIGKILL", ran: { handled: 1 } },
  },
]);
