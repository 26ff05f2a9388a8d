import { expect, test } from "vitest";
import { workerEnvironment } from "./worker-environment.ts";

test("what the worker needs goes over what there is", () => {
  expect(workerEnvironment({ PATH: "/bin", A: "old" }, { A: "new" })).toEqual({ PATH: "/bin", A: "new" });
});

test.each([
  ["--import tsx --max-old-space-size=100", "--import tsx --max-old-space-size=100"],
  ["--inspect", undefined],
  ["--inspect-brk=127.0.0.1:9229 --import tsx", "--import tsx"],
  ["--import tsx --inspect-port=0", "--import tsx"],
  ["--require ./--inspect.js", "--require ./--inspect.js"],
])("NODE_OPTIONS %j becomes %j: all but the debugger, whose port is taken", (own, kept) => {
  expect(workerEnvironment({ NODE_OPTIONS: own }, {})["NODE_OPTIONS"]).toBe(kept);
});
