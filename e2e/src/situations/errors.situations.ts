import { describeSituations, POOLS } from "./frame/describe-situations.ts";

const throws = (what: string) => `
  const fail = task("fail", () => { ${what} });
  export default flow({ name: "fails", executor }, () => fail());
`;

describeSituations("whatever is thrown, the run fails with it, and ends", [
  ...["null", "undefined", `"a text"`, "Symbol('s')", "Object.create(null)", "() => 1"].map((value) => ({
    name: `${value}, which is no error`,
    flow: throws(`throw ${value};`),
    after: { state: "Failed" as const, message: value === `"a text"` ? "a text" : /is no Error was thrown/ },
  })),
  {
    name: "an error that cannot be read",
    flow: throws(
      `throw Object.defineProperty(new Error("hidden"), "message", { get() { throw new Error("not for you"); } });`,
    ),
    after: { state: "Failed", message: "An error was thrown whose fields throw when they are read." },
  },
  {
    name: "a proxy of an error, all of whose fields throw",
    flow: throws(`throw new Proxy(new Error("hidden"), { get() { throw new Error("trapped"); } });`),
    after: { state: "Failed", message: "An error was thrown whose fields throw when they are read." },
  },
  {
    name: "an error that is its own cause",
    flow: throws(
      `const error = new Error("around"); throw Object.assign(error, { cause: error, self: error });`,
    ),
    after: { state: "Failed", message: "around" },
  },
  {
    name: "an error of a getter in the result, with the name that its class has",
    on: POOLS,
    flow: throws(`return { get x() { throw new Error("not for you"); } };`),
    after: {
      state: "Failed",
      message: 'The result of task "fail" is not readable: not for you.',
      error: { name: "NotSerializableError" },
    },
  },
]);
