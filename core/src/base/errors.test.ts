import { expect, test } from "vitest";
import { brand, MusterError, toError } from "./errors.ts";

test("an error that was thrown is itself", () => {
  const error = new RangeError("out of range");
  expect(toError(error)).toBe(error);
});

test.each([
  ["a text", "a text"],
  [null, "A value that is no Error was thrown: null"],
  [undefined, "A value that is no Error was thrown: undefined"],
  [{ code: 3 }, 'A value that is no Error was thrown: {"code":3}'],
  [Symbol("s"), "A value that is no Error was thrown: Symbol(s)"],
])("%j becomes an error that says so", (thrown, message) => {
  expect(toError(thrown).message).toBe(message);
});

const unreadable = {
  "a proxy": new Proxy(new Error("hidden"), {
    get() {
      throw new Error("trapped");
    },
  }),
  "one with a getter": Object.defineProperty(new Error("hidden"), "message", {
    get() {
      throw new Error("not for you");
    },
  }),
  "one whose name is no text": Object.assign(new Error("hidden"), { name: Symbol("name") }),
};
test.each(Object.entries(unreadable))(
  "an error that cannot be read, %s, becomes one that can",
  (_, thrown) => {
    expect(toError(thrown).message).toBe("An error was thrown whose fields throw when they are read.");
  },
);

test("an error keeps its class's name, whatever a bundler makes of that", () => {
  class _Renamed extends MusterError {
    static {
      brand(_Renamed, "Renamed");
    }
  }
  expect(new _Renamed("INTERNAL", "it broke").name).toBe("Renamed");
});
