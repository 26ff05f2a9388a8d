import { flow, LocalExecutor, task } from "@muster/core";
import { describe, expect, test } from "vitest";
import { EXECUTORS } from "./support/clusters.ts";

const one = task("one", () => 1);
const two = task("two", () => ({ n: 2 }));
const show = task("show", (value: unknown): unknown => value);

class Job {
  readonly input: unknown;
  readonly label: string;

  constructor(input: unknown, label: string) {
    this.input = input;
    this.label = label;
  }
}

/** With futures in all places, and with values there. `instance` is what an instance of `Job` becomes. */
function shapes(a: unknown, b: unknown, instance: (input: unknown, label: string) => unknown) {
  const key = { k: a };
  return {
    map: new Map<unknown, unknown>([
      ["a", a],
      [a, "a"],
      [key, [b]],
    ]),
    set: new Set<unknown>([a, b, "x"]),
    instance: instance(a, "direct"),
    deep: new Map([["jobs", new Set([instance(new Map([["b", b]]), "deep")])]]),
    bare: Object.assign(Object.create(null), { a }) as unknown,
    error: new RangeError("too far", { cause: [a] }),
    same: [key, key],
  };
}

describe.each(EXECUTORS)("%s: futures in Maps, Sets, instances and errors", (name, make) => {
  const executor = make();
  const isLocal = executor instanceof LocalExecutor;
  const plain = (input: unknown, label: string) => ({ input, label });
  const instance = (input: unknown, label: string) => new Job(input, label);
  // On wires an instance becomes a plain object, with futures or without.
  const arrived = shapes(1, { n: 2 }, isLocal ? instance : plain);

  test("resolve as arguments", async () => {
    const given = flow({ name: "given", executor }, async () => await show(shapes(one(), two(), instance)));
    expect((await given.run()).unwrap()).toEqual(arrived);
  });

  test("resolve in what a map gives to each, and in what it goes over", async () => {
    const mapped = flow({ name: "mapped", executor }, () =>
      show.map(new Set([new Map([["a", one()]]), new Set([two()])])),
    );
    expect((await mapped.run()).unwrap()).toEqual([new Map([["a", 1]]), new Set([{ n: 2 }])]);
  });

  test("resolve in what the flow returns, where an instance stays one", async () => {
    const returned = flow({ name: "returned", executor }, () => shapes(one(), two(), instance));
    const result = (await returned.run()).unwrap();
    expect(result).toEqual(shapes(1, { n: 2 }, instance));
    expect(result.instance).toBeInstanceOf(Job);
    expect(result.same[0]).toBe(result.same[1]);
  });

  test("resolve in what is waited for", async () => {
    await using running = await executor.start();
    const list = running.submit(show, [new Set([running.submit(one, [])])]);
    expect(await running.wait(new Map([["list", list]]))).toEqual(new Map([["list", new Set([1])]]));
    const untouched = { job: new Job(1, name), map: new Map([["a", new Set([1])]]) };
    expect(await running.wait(untouched)).toBe(untouched);
  });
});
