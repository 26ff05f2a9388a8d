import { expect, test } from "vitest";
import { definingFor, findTask, registerTask, tasksNamed } from "./registry.ts";

const site = (file: string, line: number, nested = false) => ({ file, line, column: 1, nested });
function define(name: string, file: string, line: number) {
  registerTask({ name, fn: () => undefined, site: site(file, line), options: undefined });
}

test("a task is found by its name, and among namesakes by its place", () => {
  define("namesake", "/a.ts", 1);
  define("namesake", "/a.ts", 2);
  expect(tasksNamed("namesake").map((one) => one.site?.line)).toEqual([1, 2]);
  expect(findTask("namesake", site("/a.ts", 2)).site?.line).toBe(2);
  expect(() => findTask("namesake", undefined)).toThrow('2 tasks are called "namesake": /a.ts:1, /a.ts:2.');
});

test("a task from inside a function is not mistaken for its namesake at the top level of the file", () => {
  define("inside", "/b.ts", 1);
  expect(() => findTask("inside", site("/b.ts", 9, true))).toThrow(/outside of every function/);
  // Where the lines differ because compilers disagree, the file is enough.
  expect(findTask("inside", site("/b.ts", 2)).site?.line).toBe(1);
});

test("a task that a function defines is kept only while its bundle is imported", async () => {
  const nested = { name: "nested", fn: () => undefined, site: site("/e.ts", 1, true), options: undefined };
  registerTask(nested);
  expect(tasksNamed("nested")).toEqual([]);
  await definingFor("3", async () => registerTask(nested));
  expect(tasksNamed("nested")).toEqual([nested]);
});

test("two versions of a flow in one thread do not mix, and each has its own reason for what is missing", async () => {
  await definingFor("1", async () => define("versioned", "/c.ts", 1));
  await definingFor("2", async () => define("versioned", "/c.ts", 1));
  const older = { unit: "1", failures: [] };
  const newer = { unit: "2", failures: [new Error("no luck")] };
  expect(findTask("versioned", site("/c.ts", 1), older)).toBe(tasksNamed("versioned")[0]);
  expect(findTask("versioned", site("/c.ts", 1), newer)).toBe(tasksNamed("versioned")[1]);
  expect(() => findTask("other", undefined, newer)).toThrow("importing its code failed: no luck");
  expect(() => findTask("other", undefined, older)).toThrow("importing its module does not define it");
});

test("another copy of this module shares the tasks", async () => {
  define("shared", "/d.ts", 1);
  const copy = (await import(
    `${new URL("./registry.ts", import.meta.url)}?copy`
  )) as typeof import("./registry.ts");
  expect(copy.registerTask).not.toBe(registerTask);
  expect(copy.findTask("shared", undefined)).toBe(findTask("shared", undefined));
});
