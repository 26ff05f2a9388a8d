// biome-ignore-all lint/suspicious/noTemplateCurlyInString: code in strings is what is tested
import { basename } from "node:path";
import { expect, test } from "vitest";
import { compileInline, inlineFunction } from "./inline.ts";

type Fn = (...args: never[]) => unknown;
const what = "The function of this test";

function travel(fn: Fn): (...args: unknown[]) => unknown {
  return compileInline(inlineFunction(fn, what).source) as (...args: unknown[]) => unknown;
}
/** A function whose text no tool of the test run has touched. */
function written(source: string): Fn {
  return new Function(`return (${source});`)() as Fn;
}

const outer = 1;
const methods = {
  double(x: number) {
    return x * 2;
  },
  async later(x: number) {
    return x + 1;
  },
  ["computed name"](x: number) {
    return -x;
  },
};

test.each<[string, Fn, unknown[], unknown]>([
  ["an arrow function", (a: number, b: number) => a + b, [1, 2], 3],
  ["an async one", async (a: number) => a * 2, [4], 8],
  [
    "a function with a name of its own",
    function factorial(n: number): number {
      return n < 2 ? 1 : n * factorial(n - 1);
    },
    [5],
    120,
  ],
  ["a method", methods.double, [4], 8],
  ["an async method", methods.later, [4], 5],
  ["a method with a computed name", methods["computed name"], [4], -4],
])("%s does elsewhere what it does here", async (_name, fn, args, result) => {
  expect(await travel(fn)(...args)).toEqual(result);
});

test("the same source has the same id", () => {
  const make = () => (x: number) => x + 1;
  expect(inlineFunction(make(), "one").id).toBe(inlineFunction(make(), "other").id);
});

test.each<[string, string, unknown]>([
  [
    "nested functions",
    "() => { const a = 1; const f = (b) => { const c = () => a + b; return c(); }; return f(2); }",
    3,
  ],
  ["hoisting", "() => { g = 1; return f() + g; function f() { return 1; } var g; }", 2],
  ["var in a block", "() => { { var x = 5; } return x; }", 5],
  [
    "destructuring",
    "() => { const { a: { b = 2 } = {}, ...rest } = { c: 1 }; const [d, , ...e] = [1, 2, 3]; return [b, rest, d, e]; }",
    [2, { c: 1 }, 1, [3]],
  ],
  ["parameters that use others", "(a = 1, { b = a } = {}, ...c) => [a, b, c]", [1, 1, []]],
  [
    "catch, with and without a variable",
    "() => { try { throw 1; } catch (e) { try { throw 2; } catch { return e; } } }",
    1,
  ],
  [
    "catch with a pattern",
    "() => { try { throw new Error('x'); } catch ({ message }) { return message; } }",
    "x",
  ],
  [
    "labels",
    "() => { out: for (const i of [1, 2]) { for (;;) { if (i === 1) continue out; break out; } } return 1; }",
    1,
  ],
  [
    "loops",
    "() => { let s = 0; for (let i = 0; i < 3; i++) s += i; for (const k in { a: 1 }) s += k.length; for (const v of [1]) s += v; return s; }",
    5,
  ],
  ["switch", "() => { switch (1) { case 1: let z = 2; return z; } }", 2],
  [
    "classes",
    "() => { class A { #x = 1; static { var q = 1; this.q = q; } get x() { return this.#x; } } class B extends A { y() { return super.x + B.q; } } return new B().y(); }",
    2,
  ],
  [
    "object literals",
    "() => { const a = 1; return { a, b: a, [`c${a}`]: a, m() { return this.b; } }.m(); }",
    1,
  ],
  ["typeof of what is not there", "() => typeof nowhere", "undefined"],
  ["arguments", "function () { return arguments.length; }", 0],
  [
    "this in an inner function",
    "() => { function F() { this.x = new.target === F; } return new F().x; }",
    true,
  ],
  [
    "globals",
    "() => [Math.max(1, 2), typeof process.pid, Buffer.from('a').length, new URL('a:b').protocol, undefined]",
    [2, "number", 1, "a:", undefined],
  ],
  [
    "regular expressions and templates",
    "() => { const b = 1; return /a(?<n>b)/u.exec(`ab${b}`).groups.n; }",
    "b",
  ],
])("a function may use %s", (_name, source, result) => {
  expect(travel(written(source))()).toEqual(result);
});

test("a function may import Node's own modules", async () => {
  expect(await travel(written('async () => (await import("node:path")).basename("/a/b")'))()).toBe("b");
});

test("a function that vite has transformed may import Node's own modules", async () => {
  expect(await travel(async () => (await import("node:path")).basename("/a/b"))()).toBe("b");
});

test("a function whose names esbuild keeps runs", () => {
  const fn = written('() => { const inner = /* @__PURE__ */ __name(() => 1, "inner"); return inner.name; }');
  expect(travel(fn)()).toBe("inner");
});

test.each<[string, Fn, RegExp]>([
  ["an outer variable", () => outer + 1, /uses the outer variable "outer".*Pass it as an argument/],
  ["an import", (path: string) => basename(path), /uses the outer variable "basename"/],
  [
    "several",
    written("(a) => { one(a); two.x = [three]; }"),
    /outer variables "one", "two", "three".*Pass them/,
  ],
  ["one in a default, a key and a tag", written("(a = b, { [c]: d }) => e`${f}`"), /"b", "c", "e", "f"/],
  ["one that is only assigned", written("() => { counter++; }"), /"counter"/],
  ["one that a block hides elsewhere", written("() => { { let x = 1; } return x; }"), /"x"/],
  ["a shorthand", written("() => ({ config })"), /"config"/],
  ["a global that a script added", written("() => addedByAScript"), /"addedByAScript"/],
  ["what only every object has", written("() => valueOf"), /"valueOf"/],
  ["this", written("function () { return this.x; }"), /uses this/],
  ["this in an arrow function", written("() => this"), /uses this/],
  ["arguments of an arrow function", written("() => arguments[0]"), /"arguments"/],
  ["new.target", written("function () { return new.target; }"), /uses new\.target/],
  [
    "super",
    {
      m() {
        return super.toString();
      },
    }.m,
    /uses super/,
  ],
  ["import.meta", () => import.meta.url, /uses import\.meta/],
  [
    "a relative import",
    written('() => import("./other.js")'),
    /imports "\.\/other\.js", a file that is not sent/,
  ],
  [
    "a generator",
    function* () {
      yield 1;
    },
    /is a generator/,
  ],
  ["a class", class {} as unknown as Fn, /is a class/],
  ["a native function", Math.max as Fn, /is native or bound/],
  ["a bound function", ((a: number) => a).bind(undefined), /is native or bound/],
])("%s is refused", (_name, fn, message) => {
  Object.assign(globalThis, { addedByAScript: 1 });
  expect(() => inlineFunction(fn, what)).toThrow(message);
  expect(() => inlineFunction(fn, what)).toThrow(expect.objectContaining({ code: "CODE" }));
});

test("what a function imports is there, and nobody is warned of how", async () => {
  const warnings: string[] = [];
  const hear = ({ message }: Error): void => void warnings.push(message);
  process.on("warning", hear);
  const basename = compileInline('async (path) => (await import("node:path")).basename(path)');
  expect(await basename(...(["a/b"] as never[]))).toBe("b");
  process.emitWarning("of something else");
  await new Promise(setImmediate);
  process.off("warning", hear);
  expect(warnings).toEqual(["of something else"]);
});
