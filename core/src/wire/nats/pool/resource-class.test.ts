import fc from "fast-check";
import { expect, test } from "vitest";
import { classResources, classToken, describeClass } from "./resource-class.ts";

test("a class has one name in whatever order its resources are named, and its resources can be read from it", () => {
  expect(classToken({})).toBe("any");
  expect(classToken({ GPU: 0 })).toBe("any");
  expect(classToken({ GPU: 1, CPU: 0.5 })).toBe(classToken({ CPU: 0.5, GPU: 1 }));
  const amounts = fc.double({ min: 0.001, max: 1e6, noNaN: true });
  const resources = fc.dictionary(fc.string({ minLength: 1, unit: "grapheme" }), amounts, {
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(resources, (some) => {
      const token = classToken(some);
      expect(token).toMatch(/^[A-Za-z0-9_=,-]+$/);
      expect(classResources(token)).toEqual(some);
    }),
  );
});

test("what is no class is told from one, and people read its resources", () => {
  expect(classResources("GPU")).toBeUndefined();
  expect(classResources("GPU=many")).toBeUndefined();
  expect(describeClass(classToken({ GPU: 1, "A B": 0.5 }))).toBe("A B: 0.5, GPU: 1");
  expect(describeClass("any")).toBe("any");
});
