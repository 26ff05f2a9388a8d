import { CLUSTERS, describeSituations, EVERYWHERE, POOLS, WORKERS } from "./frame/describe-situations.ts";

/** Just below, at and above every limit by which values go another way. */
const SIZES = [16, 32, 64, 128].flatMap((kib) => [
  kib * 1024 - 64,
  kib * 1024 - 1,
  kib * 1024,
  kib * 1024 + 1,
]);

describeSituations("maps of what is not there yet", [
  {
    name: "a map over a future list of no elements, and over its results",
    flow: `
      const none = task("none", () => [] as number[]);
      const double = task("double", (n: number) => { ran("double"); return n * 2; });
      const count = task("count", (all: number[]) => all.length);
      export default flow({ name: "empty", executor }, () => {
        const doubled = double.map(none());
        return { doubled, again: double.map(doubled), count: count(doubled), direct: double.map([]) };
      });
    `,
    after: { state: "Success", result: { doubled: [], again: [], count: 0, direct: [] }, ran: { double: 0 } },
  },
  {
    name: "a map of a map of a map of a future list",
    flow: `
      const list = task("list", (n: number) => Array.from({ length: n }, (_, index) => index));
      const add = task("add", (n: number) => { ran("add"); return n + 1; });
      const sum = task("sum", (all: number[]) => all.reduce((one, other) => one + other, 0));
      export default flow({ name: "deep", executor }, () => sum(add.map(add.map(add.map(list(100))))));
    `,
    after: { state: "Success", result: 4950 + 300, ran: { add: 300 } },
  },
  {
    name: "a map over what is a list of futures of lists",
    flow: `
      const list = task("list", (n: number) => Array.from({ length: n }, () => n));
      const size = task("size", (all: number[]) => all.length);
      export default flow({ name: "lists", executor }, () => size.map(list.map([0, 1, 2, 3])));
    `,
    after: { state: "Success", result: [0, 1, 2, 3] },
  },
  {
    name: "one element of a future list that fails leaves the others their results",
    flow: `
      const list = task("list", () => [1, 2, 3]);
      const odd = task("odd", (n: number) => { if (n === 2) throw new Error("even"); return n; });
      const again = task("again", (n: number) => n * 10);
      export default flow({ name: "one-fails", executor }, async () => {
        const results = again.map(odd.map(list()));
        const ends = await Promise.allSettled(await results.elements());
        return ends.map((end) => (end.status === "fulfilled" ? end.value : end.reason.name));
      });
    `,
    after: { state: "Success", result: [10, "UpstreamFailedError", 30] },
  },
]);

describeSituations("values of any size, whatever becomes of who has them", [
  {
    name: "sizes around every limit, as arguments and as results",
    flow: `
      const echo = task("echo", (value: Uint8Array | string) => value);
      const length = task("length", (value: Uint8Array | string) => value.length);
      const sizes = ${JSON.stringify(SIZES)};
      export default flow({ name: "sizes", executor }, async () => {
        const bytes = sizes.map((size) => new Uint8Array(size).fill(size % 251));
        const texts = sizes.map((size) => "é".repeat(size));
        const back = await echo.map([...bytes, ...texts]);
        const isSame = [...bytes, ...texts].every((value, index) => {
          const other = back[index]!;
          return typeof value === "string" ? value === other : Buffer.compare(value, other as Uint8Array) === 0;
        });
        return { isSame, lengths: await length.map(echo.map([...bytes, ...texts])) };
      });
    `,
    after: { state: "Success", result: { isSame: true, lengths: [...SIZES, ...SIZES] } },
  },
  {
    name: "a worker that is killed while its large results are taken",
    on: WORKERS,
    flow: `
      const make = task({ name: "make", retries: 0 }, (n: number) => { ran("make"); return new Uint8Array(3_000_000).fill(n); });
      const first = task("first", (bytes: Uint8Array) => bytes[0]! + bytes.at(-1)!);
      export default flow({ name: "large", executor }, () => first.map(make.map(Array.from({ length: 40 }, (_, n) => n))));
    `,
    async during(scene) {
      await scene.marked("make", 10);
      await scene.killWorker();
      await scene.marked("make", 20);
      await scene.killWorker();
    },
    after: {
      state: "Success",
      result: Array.from({ length: 40 }, (_, n) => 2 * n),
      ran: { make: [40, 60] },
    },
  },
]);

describeSituations("several things at once", [
  {
    name: "two runs of one flow in one process, one of them cancelled",
    on: POOLS,
    executor: { cancelGraceMs: 100 },
    flow: `
      const work = task("work", async (name: string) => { ran(name); await told("go on " + name); return name; });
      export default flow({ name: "twice", executor }, (name: string) => work(name));
    `,
    main: `
      const controller = new AbortController();
      const one = self.run({ parameters: "one", signal: controller.signal });
      const two = self.run({ parameters: "two" });
      await told("one");
      await told("two");
      controller.abort();
      const first = await one;
      ran("go on two");
      const second = await two;
      ended(second);
      console.log(first.name, second.name, second.result);
    `,
    after: { state: "Success", result: "two", stdout: "Cancelled Success two\n", ran: { one: 1, two: 1 } },
  },
  {
    name: "a flow inside of a flow, with another executor, gives and takes futures",
    on: EVERYWHERE,
    flow: `
      const double = task("double", (n: number) => n * 2);
      const inner = flow({ name: "inner", executor: new LocalPoolExecutor({ numWorkers: 1 }) }, (n: number) => double(double(n)));
      export default flow({ name: "outer", executor }, async () => {
        const four = double(2);
        const state = await inner.run({ parameters: await four });
        return double(state.unwrap());
      });
    `,
    after: { state: "Success", result: 32 },
  },
  {
    name: "a flow inside of a task is refused, and the sentence says what to do",
    on: POOLS,
    flow: `
      const double = task("double", (n: number) => n * 2);
      const whole = task("whole", () => flow({ name: "inner" }, () => double(1)).run());
      export default flow({ name: "outer", executor }, () => whole());
    `,
    after: {
      state: "Failed",
      message:
        'The flow "inner" was run inside a task. A task calls functions, and other tasks as functions.',
    },
  },
  {
    name: "a cancel while a task waits for its next attempt, and the cluster is scaled down",
    on: CLUSTERS,
    executor: { cancelGraceMs: 100 },
    flow: `
      const fail = task({ name: "fail", retries: 3, retryDelay: 60_000 }, () => { ran("fail"); throw new Error("again"); });
      const wait = task("wait", () => { ran("wait"); return forever(); });
      export default flow({ name: "all-at-once", executor }, () => [fail(), wait()]);
    `,
    start: { runOptions: "onEvent: heard" },
    async during(scene) {
      await scene.event("task", (event) => event.state === "Retrying");
      await scene.marked("wait");
      await scene.killWorker("SIGTERM");
      await scene.signal("SIGINT");
    },
    after: { state: "Cancelled", signal: "SIGINT", ran: { fail: 1, wait: 1 } },
  },
  {
    name: "one task's timeout, on a thread that runs others, too",
    on: POOLS,
    executor: { workers: 1, tasksPerThread: 3, cancelGraceMs: 100 },
    flow: `
      const late = task({ name: "late", timeout: 500 }, () => { ran("late"); return forever(); });
      const other = task("other", async (n: number) => { ran("other"); await told("late is over"); return n; });
      export default flow({ name: "timeouts", executor }, async () => {
        const others = other.map([1, 2]);
        const end = await late().then(undefined, (error: Error) => error.name);
        ran("late is over");
        return [end, await others];
      });
    `,
    after: { state: "Success", result: ["TaskTimeoutError", [1, 2]], ran: { late: 1 } },
  },
]);

describeSituations("odd drivers", [
  {
    name: "a name of a task that is longer than a line",
    start: { by: "muster run" },
    flow: `
      const named = task("n".repeat(5000), () => { ran("named"); return 1; });
      export default flow({ name: "f".repeat(5000), executor }, () => named());
    `,
    after: { state: "Success", ran: { named: 1 } },
  },
  {
    name: "a command whose reader goes away: its run goes on to the end",
    start: { by: "muster run" },
    flow: `
      const say = task("say", async (n: number) => {
        ran("say");
        if (n === 1) await told("nobody reads");
        console.log("said " + n);
        context.logger.warn("warned " + n);
      });
      export default flow({ name: "says", executor }, async () => {
        const all = say.map([1, 2, 3]);
        await told("nobody reads");
        console.log("the flow says so");
        await all;
        ran("end");
      });
    `,
    async during(scene) {
      await scene.marked("say");
      scene.child.closeOutput();
      scene.tell("nobody reads");
    },
    after: { state: "Success", ran: { say: 3, end: 1 } },
  },
  {
    name: "a program whose reader goes away: its run goes on to the end",
    flow: `
      const say = task("say", async (n: number) => {
        ran("say");
        if (n === 1) await told("nobody reads");
        console.log("said " + n);
        context.logger.warn("warned " + n);
      });
      export default flow({ name: "says", executor }, async () => {
        const all = say.map([1, 2, 3]);
        await told("nobody reads");
        console.log("the flow says so");
        await all;
        ran("end");
      });
    `,
    async during(scene) {
      await scene.marked("say");
      scene.child.closeOutput();
      scene.tell("nobody reads");
    },
    after: { state: "Success", ran: { say: 3, end: 1 } },
  },
  {
    name: "a driver whose input is closed",
    start: { by: "muster run" },
    flow: `
      const work = task("work", async () => { ran("work"); await told("closed"); return 1; });
      export default flow({ name: "works", executor }, () => work());
    `,
    async during(scene) {
      await scene.marked("work");
      scene.child.closeStdin();
      scene.tell("closed");
    },
    after: { state: "Success", ran: { work: 1 } },
  },
]);
