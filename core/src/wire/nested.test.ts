import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { NestedFutures } from "./nested.ts";

class Future {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}
class Futures extends Array<Future> {}

const [a, b, c] = [new Future("value of a"), new Future("value of b"), new Future("value of c")];

function lookup(value: object): Future | readonly Future[] | undefined {
  if (value instanceof Future) return value;
  return value instanceof Futures ? [...value] : undefined;
}

function nested(value: unknown) {
  const found = new NestedFutures<Future>(value, lookup);
  return { futures: found.futures, filled: found.fill((future) => future.value) };
}

class Job {
  readonly input: unknown;
  readonly name: string;

  constructor(input: unknown, name = "a job") {
    this.input = input;
    this.name = name;
  }

  describe(): string {
    return `${this.name} of ${String(this.input)}`;
  }
}

test("futures are found in arrays, plain objects, Maps, Sets, errors and instances, in their order, each once", () => {
  const list = Futures.of(b, c);
  expect(nested([a, { list, deep: [[{ again: a }]] }, 1, null, "x"]).futures).toEqual([a, b, c]);
  expect(
    nested(
      new Map<unknown, unknown>([
        [c, [b]],
        ["key", a],
      ]),
    ).futures,
  ).toEqual([c, b, a]);
  expect(nested(new Set([b, [a]])).futures).toEqual([b, a]);
  expect(nested(new Job({ deep: a })).futures).toEqual([a]);
  expect(nested(new Error("x", { cause: a })).futures).toEqual([a]);
  expect(nested(a).futures).toEqual([a]);
  expect(nested({ plain: [1, new Date(0), new Map([[1, new Set([2])]])] }).futures).toEqual([]);
});

test("they are replaced by their values, a list of them by an array", () => {
  const value = { one: a, list: Futures.of(b, c), rest: [1, { two: b }] };
  expect(nested(value).filled).toStrictEqual({
    one: "value of a",
    list: ["value of b", "value of c"],
    rest: [1, { two: "value of b" }],
  });
  expect(value.one).toBe(a);
  expect(nested(a).filled).toBe("value of a");
  expect(nested(Futures.of(a)).filled).toStrictEqual(["value of a"]);
});

test("in Maps, as keys and as values, and in Sets", () => {
  const map = new Map<unknown, unknown>([
    [a, b],
    [{ key: c }, new Set([a, 1])],
  ]);
  const expected = new Map<unknown, unknown>([
    ["value of a", "value of b"],
    [{ key: "value of c" }, new Set(["value of a", 1])],
  ]);
  expect(nested({ map }).filled).toStrictEqual({ map: expected });
  expect(map.get(a)).toBe(b);
});

test("an instance becomes one of the same class, with its fields filled", () => {
  const job = new Job(a);
  Object.defineProperty(job, "hidden", { value: 7 });
  const filled = nested([job]).filled as [Job & { hidden: number }];
  expect(filled[0]).toBeInstanceOf(Job);
  expect(filled[0].describe()).toBe("a job of value of a");
  expect(filled[0].hidden).toBe(7);
  expect(Object.keys(filled[0])).toEqual(["input", "name"]);
  expect(job.input).toBe(a);
});

test("subclasses of Array, Map and Set, and errors, stay what they are", () => {
  class Rows extends Array<unknown> {}
  class Index extends Map<unknown, unknown> {}
  class Tags extends Set<unknown> {}
  const error = new RangeError("too far", { cause: a });
  const value = [Rows.of(a), new Index([["a", a]]), new Tags([a]), error];
  const [rows, index, tags, failed] = nested(value).filled as [Rows, Index, Tags, RangeError];
  expect([rows, index, tags, failed].map((each) => each.constructor)).toEqual([
    Rows,
    Index,
    Tags,
    RangeError,
  ]);
  expect([rows[0], index.get("a"), tags.has("value of a"), failed.cause]).toEqual([
    "value of a",
    "value of a",
    true,
    "value of a",
  ]);
  expect([failed.message, failed.stack, Object.keys(failed)]).toEqual(["too far", error.stack, []]);
});

test("what holds no future is the very same object, also beside what does", () => {
  const plain = { list: [Number.NaN, { date: new Date(0) }], job: new Job(1), map: new Map([[{}, []]]) };
  expect(nested(plain).filled).toBe(plain);
  const filled = nested({ plain, a, deep: { plain } }).filled as { plain: object; deep: { plain: object } };
  expect(filled.plain).toBe(plain);
  expect(filled.deep.plain).toBe(plain);
});

test("what cannot travel is not looked into", () => {
  const socket = Object.assign(new EventEmitter(), { a });
  const promise = Object.assign(Promise.resolve(), { a });
  const unreadable = Object.defineProperty({ a }, "broken", {
    enumerable: true,
    get() {
      throw new Error("not now");
    },
  });
  const { futures, filled } = nested([socket, promise, unreadable, Object.assign(() => {}, { a })]);
  expect(futures).toEqual([]);
  expect((filled as unknown[])[0]).toBe(socket);
});

test("a getter is called once", () => {
  let calls = 0;
  const value = Object.defineProperty({ b }, "a", {
    enumerable: true,
    get() {
      calls++;
      return a;
    },
  });
  expect(nested(value).filled).toStrictEqual({ b: "value of b", a: "value of a" });
  expect(calls).toBe(1);
});

test("what is found is the value as it was then", () => {
  const value = { list: [a], map: new Map([["a", a]]) };
  const found = new NestedFutures<Future>(value, lookup);
  value.list.push(b);
  value.map.clear();
  expect(found.fill((future) => future.value)).toEqual({
    list: ["value of a"],
    map: new Map([["a", "value of a"]]),
  });
});

test("values that refer to themselves keep their shape, and take no longer than they are large", () => {
  interface Item {
    next?: Item;
    previous?: Item;
    future: unknown;
  }
  const first: Item = { future: a };
  const second: Item = { future: b, previous: first, next: first };
  first.next = second;
  first.previous = second;
  const { futures, filled } = nested([first, second]);
  expect(new Set(futures)).toEqual(new Set([a, b]));
  const copy = filled as [Item, Item];
  expect(copy[0].future).toBe("value of a");
  expect(copy[0].next).toBe(copy[1]);
  expect(copy[1].next).toBe(copy[0]);
  expect(copy[1].previous).toBe(copy[0]);
  const itself = new Map<unknown, unknown>([["a", a]]);
  itself.set(itself, itself);
  const turned = nested(itself).filled as Map<unknown, unknown>;
  expect(turned.get(turned)).toBe(turned);
  expect(turned.get("a")).toBe("value of a");
});

test("an object that very many hold is looked at once", () => {
  const shared = { a };
  const many = Array.from({ length: 300_000 }, () => [shared]);
  const filled = nested([many, shared]).filled as [unknown[][], object];
  expect(filled[1]).toEqual({ a: "value of a" });
  expect(filled[0].every(([each]) => each === filled[1])).toBe(true);
});

test("nesting has no limit", () => {
  let deep: unknown = a;
  for (let depth = 0; depth < 20_000; depth++) deep = depth % 2 === 0 ? [deep] : { deep };
  let filled = nested(deep).filled;
  for (let depth = 0; depth < 20_000; depth++)
    filled = Array.isArray(filled) ? filled[0] : (filled as { deep: unknown }).deep;
  expect(filled).toBe("value of a");
});

test("holes stay holes, and a key that is called __proto__ stays a key", () => {
  const holes: unknown[] = new Array(2);
  holes[1] = a;
  expect(Object.keys(nested(holes).filled as unknown[])).toEqual(["1"]);
  const value = JSON.parse('{ "__proto__": {} }') as Record<string, unknown>;
  Object.defineProperty(value, "__proto__", { value: a });
  const copy = nested({ value }).filled as { value: object };
  expect(Object.entries(copy.value)).toEqual([["__proto__", "value of a"]]);
});
