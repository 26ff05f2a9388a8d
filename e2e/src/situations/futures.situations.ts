import { describeSituations, POOLS } from "./frame/describe-situations.ts";

describeSituations("futures", [
  {
    name: "of an outer default flow are parameters of an inner one",
    flow: `
      const one = task("one", () => ({ list: [1], when: new Date(7), map: new Map([["a", 1]]) }));
      const show = task("show", (value: unknown) => value);
      const inner = flow({ name: "inner", executor }, (given: { of: unknown }) => show({ direct: given.of, deep: [given] }));
      export default flow("outer", async () => (await inner.run({ parameters: { of: one() } })).unwrap());
    `,
    main: `
      const value = { list: [1], when: new Date(7), map: new Map([["a", 1]]) };
      const state = await self.run();
      const { deepStrictEqual } = await import("node:assert/strict");
      deepStrictEqual(state.unwrap(), { direct: value, deep: [{ of: value }] });
      ended(state);
    `,
    after: { state: "Success" },
  },
  {
    name: "of another cluster are arguments, however large, and lists of them",
    flow: `
      const fill = task("fill", (bytes: number) => new Uint8Array(bytes).fill(7));
      const size = task("size", (bytes: Uint8Array) => bytes.every((byte) => byte === 7) ? bytes.length : -1);
      const range = task("range", (count: number) => Array.from({ length: count }, (_, index) => index));
      const inner = flow({ name: "inner", executor }, (given: any) =>
        ({ sizes: size.map(given.list), one: size(given.list[2]), filled: size.map(fill.map(given.later)) }));
      const other = new LocalPoolExecutor({ numWorkers: 1 });
      export default flow({ name: "outer", executor: other }, async () =>
        (await inner.run({ parameters: { list: fill.map([1, 70_000, 9_000_000]), later: range(3) } })).unwrap());
    `,
    after: { state: "Success", result: { sizes: [1, 70_000, 9_000_000], one: 9_000_000, filled: [0, 1, 2] } },
  },
  {
    name: "of an inner flow are arguments outside while it lives",
    flow: `
      const fill = task("fill", (bytes: number) => new Uint8Array(bytes).fill(7));
      const size = task("size", (bytes: Uint8Array) => bytes.length);
      const lent = Promise.withResolvers<any>();
      const done = Promise.withResolvers<void>();
      const inner = flow({ name: "inner", executor }, async () => { lent.resolve({ of: fill(5_000_000) }); await done.promise; });
      export default flow("outer", async () => {
        const running = inner.run();
        const length = await size((await lent.promise).of);
        done.resolve();
        (await running).unwrap();
        return length;
      });
    `,
    after: { state: "Success", result: 5_000_000 },
  },
  {
    name: "that were kept from an earlier run are that run's, or say that they went with it",
    on: POOLS,
    flow: `
      const make = task("make", (seed: number) => new Uint8Array(200_000).fill(seed));
      const first = task("first", (bytes: Uint8Array) => bytes[0]);
      const kept: any[] = [];
      export default flow({ name: "again", executor }, async ({ seed }: { seed: number }) => {
        kept.push(make(seed), make(seed));
        await kept[2 * seed - 1];
        await first(kept[2 * seed - 2]);
        return await Promise.all([0, 1].map((index) => first(kept[index]).then((n: number) => n, (error: Error) => (error.cause as Error).message)));
      });
    `,
    main: `
      (await self.run({ parameters: { seed: 1 } })).unwrap();
      ended(await self.run({ parameters: { seed: 2 } }));
    `,
    after: {
      state: "Success",
      check: ({ outcome }) => {
        const [gone, there] = outcome!.result as unknown[];
        if (there !== 1) throw new Error(`Awaited in its run, it is ${String(there)}.`);
        if (
          !/^The result of task "make" went with the run run-\w+ of the flow "again", which has ended/.test(
            String(gone),
          )
        )
          throw new Error(`Of what is gone is said: ${String(gone)}`);
      },
    },
  },
  {
    name: "in Maps, Sets and instances resolve as arguments and in what a flow returns",
    flow: `
      const one = task("one", () => 1);
      class Job { input: unknown; constructor(input: unknown) { this.input = input; } }
      const shape = () => new Map<unknown, unknown>([[one(), new Set([one(), "x"])], ["job", new Job([one()])]]);
      const flat = (value: any) => [[...value.keys()], [...value.get(1)], value.get("job").input];
      const show = task("show", (value: any) => [[...value.keys()], [...value.get(1)], value.get("job").input]);
      const inner = flow({ name: "inner", executor }, () => shape());
      export default flow({ name: "outer", executor }, async () => [await show(shape()), flat((await inner.run()).unwrap())]);
    `,
    after: {
      state: "Success",
      result: [1, 2].map(() => [[1, "job"], [1, "x"], [1]]),
    },
  },
  {
    name: "fail the flow with the error of the task that failed, whatever stands before it",
    flow: `
      const boom = task("boom", (): number => { throw new RangeError("the disk is full"); });
      const inc = task("inc", (n: number) => n + 1);
      export default flow({ name: "fails", executor }, () => { const a = boom(); return [inc(inc(a)), a, inc(a)]; });
    `,
    after: { state: "Failed", message: "the disk is full", error: { message: "the disk is full" } },
  },
  {
    name: "of a map over a future list do not fail the flow, if each is looked at",
    flow: `
      const range = task("range", (count: number) => Array.from({ length: count }, (_, index) => index));
      const odd = task("odd", (n: number) => { if (n % 2 === 0) throw new RangeError("even"); return n; });
      export default flow({ name: "handled", executor }, async () =>
        (await Promise.allSettled(await odd.map(range(4)).elements())).map((one) => one.status));
    `,
    after: { state: "Success", result: ["rejected", "fulfilled", "rejected", "fulfilled"] },
  },
]);
