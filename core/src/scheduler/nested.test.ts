import { expect, test } from "vitest";
import { futureArray, TaskFuture } from "./future.ts";
import { futuresIn, withValues } from "./nested.ts";
import { SchedulerRun } from "./scheduler.test.kit.ts";
import type { Node } from "./task-run.ts";

const run = new SchedulerRun();

/** A task that has ended, and a future of it. */
function held(name: string) {
  const node = run.task(name);
  node.value = `value of ${name}`;
  return { node, future: new TaskFuture(run.scheduler, node) };
}

const [a, b, c] = [held("a"), held("b"), held("c")];
const toValue = (node: Node): unknown => node.value;

test("futures are found wherever they are in arrays and plain objects, in their order", () => {
  const list = futureArray([b.future, c.future]);
  expect(futuresIn([a.future, { list, deep: [[{ again: a.future }]] }, 1, null, "x"])).toEqual([
    a.node,
    b.node,
    c.node,
    a.node,
  ]);
  expect(futuresIn(a.future)).toEqual([a.node]);
  expect(futuresIn({ plain: [1, new Date(0)] })).toEqual([]);
});

test("they are replaced by their values, a list of them by a list", () => {
  const list = futureArray([b.future, c.future]);
  const value = { one: a.future, list, rest: [1, { two: b.future }] };
  expect(withValues(value, toValue)).toEqual({
    one: "value of a",
    list: ["value of b", "value of c"],
    rest: [1, { two: "value of b" }],
  });
  expect(value.one).toBe(a.future);
  expect(withValues(a.future, toValue)).toBe("value of a");
});

test("what holds no future is not copied, and what is no plain object is passed as it is", () => {
  const plain = { list: [Number.NaN, { date: new Date(0) }] };
  expect(withValues(plain, toValue)).toBe(plain);
  const map = new Map([["future", a.future]]);
  const copied = withValues({ future: a.future, map }, toValue) as { map: unknown };
  expect(copied.map).toBe(map);
  expect(futuresIn(map)).toEqual([]);
});

test("values that refer to themselves keep their shape, and take no longer than they are large", () => {
  interface Item {
    next?: Item;
    previous?: Item;
    future: unknown;
  }
  const first: Item = { future: a.future };
  const second: Item = { future: b.future, previous: first, next: first };
  first.next = second;
  first.previous = second;
  expect(new Set(futuresIn(first))).toEqual(new Set([a.node, b.node]));
  const copy = withValues([first, second], toValue) as [Item, Item];
  expect(copy[0].future).toBe("value of a");
  expect(copy[0].next).toBe(copy[1]);
  expect(copy[1].next).toBe(copy[0]);
  expect(copy[1].previous).toBe(copy[0]);
});

test("holes stay holes, and a key that is called __proto__ stays a key", () => {
  const holes: unknown[] = new Array(2);
  holes[1] = a.future;
  expect(Object.keys(withValues(holes, toValue) as unknown[])).toEqual(["1"]);
  const value = JSON.parse('{ "__proto__": {} }') as object;
  const copy = withValues({ value, future: a.future }, toValue) as { value: object };
  expect(Object.keys(copy.value)).toEqual(["__proto__"]);
});
