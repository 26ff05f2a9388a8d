import { describeSituations, POOLS, WORKERS } from "./frame/describe-situations.ts";

const MIB = 2 ** 20;

describeSituations("no value is too large for a message", [
  {
    name: "5,000 rows of 12 columns of 1,000 characters",
    on: POOLS,
    flow: `
      const widths = task("widths", (...columns: string[]) => columns.reduce((sum, each) => sum + each.length, 0));
      export default flow({ name: "table", executor }, async () => {
        const columns = Array.from({ length: 12 }, (_, column) =>
          Array.from({ length: 5000 }, (_, row) => String(row * column).padEnd(1000, "é")));
        const sums = await widths.map(...columns as [string[]]);
        return [sums.length, new Set(sums).size, sums[4999]];
      });
    `,
    after: { state: "Success", result: [5000, 1, 12_000] },
  },
  {
    name: "70,000 strings in one call, beside a large value and the result of another task",
    on: POOLS,
    flow: `
      const big = task("big", () => new Uint8Array(3_000_000).fill(7));
      const total = task("total", (first: Uint8Array, second: Uint8Array, ...texts: string[]) =>
        first[1]! + second[1]! + texts.reduce((sum, each) => sum + each.length, 0));
      export default flow({ name: "many", executor }, async () => {
        const texts = Array.from({ length: 70_000 }, (_, n) => String(n).padEnd(1000, "x"));
        return total(big(), new Uint8Array(1_000_000).fill(1), ...texts);
      });
    `,
    after: { state: "Success", result: 70_000_008 },
  },
  {
    name: "70,000 numbers, and arrays of them, in one call",
    on: POOLS,
    flow: `
      const sum = task("sum", (...values: (number | number[])[]) => values.flat().reduce((all, each) => all + each, 0));
      export default flow({ name: "numbers", executor }, async () => [
        await sum(...Array.from({ length: 70_000 }, () => 1)),
        await sum(...Array.from({ length: 2000 }, () => new Array(5000).fill(1))),
      ]);
    `,
    after: { state: "Success", result: [70_000, 10_000_000] },
  },
  {
    name: "parameters of 70 MB",
    on: POOLS,
    executor: { workers: 1 },
    start: {
      runOptions: `parameters: { text: "x".repeat(70_000_000), bytes: new Uint8Array(70_000_000).fill(3) }`,
    },
    flow: `
      const look = task("look", () => {
        const { text, bytes } = context.parameters as { text: string; bytes: Uint8Array };
        return [text.length, bytes.length, bytes[69_999_999]];
      });
      export default flow({ name: "parameters", executor }, () => look());
    `,
    after: { state: "Success", result: [70_000_000, 70_000_000, 3] },
  },
  {
    name: "code of 70 MB",
    on: POOLS,
    executor: { workers: 1 },
    files: { "data.json": JSON.stringify("x".repeat(70_000_000)) },
    flow: `
      import data from "./data.json" with { type: "json" };
      const look = task("look", () => data.length);
      export default flow({ name: "code", executor }, () => look());
    `,
    after: { state: "Success", result: 70_000_000 },
  },
  {
    name: "a task whose name, and a flow whose name, is of 70 MB",
    on: POOLS,
    executor: { workers: 1 },
    flow: `
      const named = task("n".repeat(70_000_000), () => 1);
      export default flow({ name: "f".repeat(70_000_000), executor }, async () => [await named(), 2]);
    `,
    after: { state: "Success", result: [1, 2] },
  },
  {
    name: "1,000 results of 60 KB, and as many errors of 60 KB, from tasks that take no time",
    on: POOLS,
    flow: `
      const give = task("give", (n: number) => new Uint8Array(60_000).fill(n));
      const fail = task("fail", (n: number) => { throw Object.assign(new Error("e".repeat(60_000)), { n, data: "d".repeat(60_000) }); });
      export default flow({ name: "results", executor }, async () => {
        const numbers = Array.from({ length: 1000 }, (_, n) => n);
        const given = await give.map(numbers);
        const failed = await Promise.allSettled([...fail.map(numbers)]);
        return [
          given.every((bytes, n) => bytes[59_999] === n % 256),
          failed.every((each) => each.status === "rejected" && (each.reason as Error).message.length === 60_000),
        ];
      });
    `,
    after: { state: "Success", result: [true, true] },
  },
  {
    name: "log lines and prints of 70 MB",
    on: WORKERS,
    executor: { workers: 1 },
    start: {
      runOptions: `onEvent: (event) => { if (event.type === "log" && event.task === "say") ran("heard " + event.message.length); }`,
    },
    flow: `
      const say = task("say", () => {
        context.logger.info("l".repeat(70_000_000));
        process.stdout.write("p".repeat(70_000_000) + "\\n");
        return 1;
      });
      export default flow({ name: "says", executor }, () => say());
    `,
    after: { state: "Success", result: 1, ran: { "heard 70000000": 1 } },
  },
  {
    name: "a reduction over 70,000 results of a kilobyte",
    on: POOLS,
    flow: `
      const text = task("text", (n: number) => String(n).padEnd(1000, "y"));
      const total = task("total", (texts: string[]) => texts.reduce((sum, each) => sum + each.length, 0));
      export default flow({ name: "reduces", executor }, () =>
        total(text.map(Array.from({ length: 70_000 }, (_, n) => n))));
    `,
    after: { state: "Success", result: 70_000_000 },
  },
  {
    name: "a thread that dies of an error whose text is of 70 MB",
    on: POOLS,
    executor: { workers: 1 },
    flow: `
      const dies = task({ name: "dies", workerLostRetries: 0 }, () => {
        setTimeout(() => { throw new Error("e".repeat(70_000_000)); }, 1);
        return forever();
      });
      const after = task("after", () => 2);
      export default flow({ name: "dies", executor }, async () => {
        const error = await dies().then(() => undefined, (thrown: unknown) => thrown as Error);
        return [error!.name, error!.message.length > ${MIB}, await after()];
      });
    `,
    after: { state: "Success", result: ["WorkerLostError", true, 2] },
  },
]);
