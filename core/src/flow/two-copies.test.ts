import { expect, test, vi } from "vitest";

/** A copy of this package, as another version of it in `node_modules` would be. */
async function copy() {
  vi.resetModules();
  return import("../index.ts");
}

test("a future of one copy of this package is one to another", async () => {
  const [one, other] = [await copy(), await copy()];
  expect(one.TaskFuture).not.toBe(other.TaskFuture);
  const list = one.task("list", () => [1, 2]);
  const double = one.task("double", (n: number) => n * 2);
  const boom = one.task("boom", (): number => {
    throw new Error("the disk is full");
  });
  const show = other.task("show", (value: unknown): unknown => value);
  const add = other.task("add", (a: number, b: number) => a + b);

  for (const executor of [new other.LocalExecutor(), new other.LocalPoolExecutor({ numWorkers: 1 })]) {
    const inner = other.flow(
      { name: "inner", executor },
      async ({ bad, ...given }: Record<string, unknown>) => ({
        nested: show(new Map([["all", given]])),
        mapped: add.map(given["list"] as never, one.unmapped(given["n"]) as never),
        wait: given["n"],
        failed: await show(bad).then(undefined, (error) => (error as Error).message),
      }),
    );
    const outer = one.flow("outer", async () => {
      const given = { list: list(), doubled: double.map([1, 2]), later: double.map(list()), n: double(5) };
      return await inner.run({ parameters: { ...given, bad: boom() } });
    });
    const state = (await outer.run()).unwrap();
    expect(state.unwrap()).toEqual({
      nested: new Map([["all", { list: [1, 2], doubled: [2, 4], later: [2, 4], n: 10 }]]),
      mapped: [11, 12],
      wait: 10,
      failed: 'Task "show" did not run, since "boom" did not succeed.',
    });
  }
});
