import { expect, test } from "vitest";
import { absent } from "./absent.ts";

// biome-ignore lint/suspicious/noExplicitAny: it stands for anything
type Anything = any;
const during = absent('"thing" of package', () => true) as Anything;
const after = absent('"thing" of package', () => false) as Anything;

test("reading, constructing and extending have no effect, ever", async () => {
  class Own extends after {
    #count = 1;
    increment(): number {
      return ++this.#count;
    }
  }
  const own = Reflect.construct(Own, [{ any: "option" }]) as Own;
  expect(own.increment()).toBe(2);
  expect(own).toBeInstanceOf(Own);
  expect(after.a.b.c).toBe(after.a.b.c);
  after.option = 1;
  const instance = new after(1, 2);
  expect(await instance).toBe(instance);
  expect([...after]).toEqual([]);
  expect(`${after}`).toBe('["thing" of package]');
  expect({} instanceof after).toBe(false);
});

test("calls pass while a module is imported", () => {
  expect(() => during.each([1])("name", () => 1)).not.toThrow();
  expect(() => new during().start().then).not.toThrow();
});

test("a call later names what is called and where it exists", () => {
  expect(() => after()).toThrow(/^"thing" of package exists only in the process that runs the flow/);
  expect(() => new after().start()).toThrow(/^"start" of an instance of "thing" of package exists only/);
});
