import { pack, unpack } from "msgpackr";
import { expect, test } from "vitest";
import { MusterError, NotSerializableError } from "../base/errors.ts";
import { decodeError, type ErrorRecord, encodeError, RemoteTaskError } from "./errors.ts";

/** Through bytes, as in another process. */
function arrive(thrown: unknown): MusterError {
  return decodeError(unpack(pack(encodeError(thrown))) as ErrorRecord);
}

function remote(thrown: unknown): RemoteTaskError {
  const error = arrive(thrown);
  expect(error).toBeInstanceOf(RemoteTaskError);
  return error as RemoteTaskError;
}

test("what a task threw arrives with its message, name, stack, code and fields", () => {
  const thrown = Object.assign(new TypeError("no such file"), {
    code: "ENOENT",
    path: "/x",
    at: new Date(3),
  });
  const error = remote(thrown);
  expect(error).toMatchObject({
    name: "RemoteTaskError",
    code: "TASK_FAILED",
    message: "no such file",
    remoteName: "TypeError",
    remoteCode: "ENOENT",
    stack: thrown.stack,
    data: { path: "/x", at: new Date(3) },
  });
  expect(error.cause).toBeUndefined();
});

test("causes arrive as errors of the class that they were, with their codes", () => {
  const root = Object.assign(new RangeError("root"), { code: 7 });
  class OuterError extends Error {
    override name = "OuterError";
  }
  const error = remote(new Error("top", { cause: new OuterError("middle", { cause: root }) }));
  const middle = error.cause as Error;
  expect(`${middle}`).toBe("OuterError: middle");
  expect(middle.cause).toBeInstanceOf(RangeError);
  expect(middle.cause).toMatchObject({ message: "root", code: 7, stack: root.stack });
});

test("a cause that is no error arrives as the value that it was", () => {
  expect(
    remote(new Error("top", { cause: { status: 404, headers: new Map([["a", 1]]) } })).cause,
  ).toStrictEqual({
    status: 404,
    headers: new Map([["a", 1]]),
  });
});

test("the errors of an AggregateError arrive, thrown or as a cause", () => {
  const aggregate = new AggregateError([new TypeError("one"), 2], "several");
  expect(remote(aggregate).errors).toMatchObject([{ message: "one" }, 2]);
  const cause = remote(new Error("top", { cause: aggregate })).cause as AggregateError;
  expect(cause).toBeInstanceOf(AggregateError);
  expect(cause.errors[0]).toBeInstanceOf(TypeError);
});

test("a list of errors that a library calls so is kept when it is no list", () => {
  const error = Object.assign(new Error("invalid"), { errors: { name: "required" } });
  expect(remote(error).data).toEqual({ errors: { name: "required" } });
});

test("what is thrown and no error arrives too", () => {
  expect(remote("just text")).toMatchObject({ message: "just text", cause: "just text" });
  expect(remote({ a: 1 })).toMatchObject({ message: expect.stringContaining('{"a":1}'), cause: { a: 1 } });
  expect(remote(undefined).message).toContain("undefined");
  expect(remote(() => 1).message).toContain("no Error was thrown");
  expect(remote("just text").stack).not.toContain("errors.ts");
});

test("an error of Muster keeps its code and fields", () => {
  const error = arrive(new NotSerializableError("the result.socket", "The result.socket is a Socket."));
  expect(error).toBeInstanceOf(MusterError);
  expect(error).not.toBeInstanceOf(RemoteTaskError);
  expect(error).toMatchObject({
    code: "NOT_SERIALIZABLE",
    name: "NotSerializableError",
    message: "The result.socket is a Socket.",
    path: "the result.socket",
  });
});

test("an error that travels twice is the same after it", () => {
  const once = remote(Object.assign(new SyntaxError("line 3"), { code: "E", line: 3 }));
  const twice = remote(once);
  expect(twice).toMatchObject({
    remoteName: "SyntaxError",
    remoteCode: "E",
    data: { line: 3 },
    stack: once.stack,
  });
});

test("fields that cannot travel are left out, the others stay", () => {
  const error = Object.assign(new Error("client"), {
    retry: () => 1,
    status: 503,
    deep: { send() {}, url: "u" },
  });
  expect(remote(error).data).toEqual({ status: 503, deep: { url: "u" } });
});

test("what is too large is cut", () => {
  const error = Object.assign(new Error("m".repeat(200_000)), { body: new Uint8Array(5_000_000), status: 1 });
  const record = encodeError(error);
  expect(record.message.length).toBe(64 * 1024);
  expect(record.stack?.length).toBe(64 * 1024);
  expect(remote(error).data).toEqual({ status: 1 });
});

test("many errors with large fields stay small together", () => {
  const errors = Array.from({ length: 40 }, () =>
    Object.assign(new Error("x"), { body: "b".repeat(500_000) }),
  );
  expect(pack(encodeError(new AggregateError(errors))).byteLength).toBeLessThan(2_000_000);
});

test("chains without an end are cut", () => {
  let error = new Error("0");
  for (let index = 1; index < 1000; index++) error = new Error(`${index}`, { cause: error });
  let length = 0;
  for (let at: unknown = remote(error); at !== undefined; at = (at as Error).cause) length++;
  expect(length).toBe(20);

  const self = new AggregateError([], "self");
  self.errors.push(self);
  self.cause = self;
  expect(remote(self)).toMatchObject({ message: "self", errors: [] });
  expect(remote(self).cause).toBeUndefined();

  const wide = new AggregateError(Array.from({ length: 10_000 }, (_, index) => new Error(`${index}`)));
  expect(remote(wide).errors?.length).toBeLessThanOrEqual(50);
});

test("an error whose fields throw still arrives", () => {
  const hostile = new Error("x");
  Object.defineProperty(hostile, "broken", { enumerable: true, get: () => { throw new Error("no"); } }); // biome-ignore format: one thing
  expect(remote(hostile)).toBeInstanceOf(RemoteTaskError);
});

test("fields of a peer replace nothing of an error", () => {
  const hostile = new Error("c");
  for (const key of ["__proto__", "toString", "constructor"]) {
    Object.defineProperty(hostile, key, { value: { polluted: 1 }, enumerable: true });
  }
  const cause = remote(new Error("top", { cause: hostile })).cause as Error;
  expect(`${cause}`).toBe("Error: c");
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test("a damaged record is a PROTOCOL error", () => {
  const damaged: unknown[] = [
    null,
    3,
    {},
    { name: "E", message: 1 },
    { name: "E", message: "m", data: new Uint8Array([9]) },
    { name: "E", message: "m", cause: 3 },
    { name: "E", message: "m", cause: { value: 3 } },
  ];
  for (const record of damaged) {
    expect(() => decodeError(record as ErrorRecord)).toThrow(expect.objectContaining({ code: "PROTOCOL" }));
  }
});
