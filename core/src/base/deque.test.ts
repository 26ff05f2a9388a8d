import fc from "fast-check";
import { expect, test } from "vitest";
import { Deque } from "./deque.ts";

type Step = { readonly do: "push" | "unshift"; readonly item: number } | { readonly do: "shift" | "clear" };

const item = fc.integer();
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("push" as const, "unshift" as const), item }) },
    { weight: 3, arbitrary: fc.constant<Step>({ do: "shift" }) },
    { weight: 1, arbitrary: fc.constant<Step>({ do: "clear" }) },
  ),
  { maxLength: 200 },
);

test("does what an array does, however it is filled and emptied", () => {
  fc.assert(
    fc.property(steps, (plan: readonly Step[]) => {
      const deque = new Deque<number>();
      const array: number[] = [];
      for (const step of plan) {
        if (step.do === "push") {
          deque.push(step.item);
          array.push(step.item);
        } else if (step.do === "unshift") {
          deque.unshift(step.item);
          array.unshift(step.item);
        } else if (step.do === "shift") {
          expect(deque.shift()).toBe(array.shift());
        } else {
          deque.clear();
          array.length = 0;
        }
        expect(deque.size).toBe(array.length);
        expect(deque.peek()).toBe(array[0]);
        expect(deque.peekLast()).toBe(array.at(-1));
        expect([...deque]).toEqual(array);
      }
    }),
  );
});

test("grows past what it began with, in whichever place its head is", () => {
  const deque = new Deque<number>();
  for (let value = 0; value < 10; value++) deque.push(value);
  for (let value = 0; value < 10; value++) deque.shift();
  for (let value = 0; value < 1000; value++) deque.push(value);
  expect([...deque]).toEqual(Array.from({ length: 1000 }, (_, value) => value));
});
