import { expect, test } from "vitest";
import { checkNumber, checkOptionNames, requireNumber } from "./check-options.ts";
import { copyOptions } from "./copy-options.ts";
import { InvalidOptionError } from "./errors.ts";
import { nearName } from "./near-name.ts";

const NAMES = [
  "name",
  "retries",
  "retryDelay",
  "timeout",
  "resources",
  "priority",
  "tags",
  "workerLostRetries",
];

test.each([
  ["max_retries", "retries"],
  ["retry", "retries"],
  ["retry_delay", "retryDelay"],
  ["retry_delay_seconds", "retryDelay"],
  ["timeoutMs", "timeout"],
  ["tmieout", "timeout"],
  ["Tags", "tags"],
  ["worker_lost_retries", "workerLostRetries"],
  ["cache_key_fn", undefined],
  ["x", undefined],
])("of a task's options, %s means %s", (written, meant) => {
  expect(nearName(written, NAMES)).toBe(meant);
});

test("an option that there is not is refused, with the one that was probably meant", () => {
  const check = (options: unknown) =>
    checkOptionNames(
      options,
      { minimum: true, maximum: true },
      { where: "adaptKwargs", path: "adaptKwargs" },
    );
  check({ minimum: 1 });
  expect(() => check({ maximun: 1 })).toThrow(
    new InvalidOptionError(
      "adaptKwargs.maximun",
      'adaptKwargs has no option "maximun": did you mean "maximum"? It has: maximum, minimum.',
    ),
  );
  expect(() => check({ maximun: 1 })).toThrow(expect.objectContaining({ option: "adaptKwargs.maximun" }));
  expect(() => check({ speed: 1 })).toThrow('adaptKwargs has no option "speed". It has: maximum, minimum.');
  expect(() => check(3)).toThrow("adaptKwargs takes options as an object, not 3.");
  expect(() => check(null)).toThrow("not null.");
  expect(() => checkOptionNames({ numWorkers: 1 }, [], { where: "LocalExecutor" })).toThrow(
    'LocalExecutor has no option "numWorkers". It takes none.',
  );
});

test.each([-1, 1.5, "1", Number.NaN, Number.POSITIVE_INFINITY, null, undefined, [], {}, true, () => 1, 1n])(
  "%s is no number of workers",
  (value) => {
    expect(() => requireNumber(value, { option: "workers", min: 0, whole: true })).toThrow(
      InvalidOptionError,
    );
    if (value !== undefined)
      expect(() => checkNumber(value, 7, { option: "workers", min: 0, whole: true })).toThrow(
        InvalidOptionError,
      );
  },
);

test("of options, plain objects and arrays are copied at any depth, and all else stays what it is", () => {
  class Login {
    token = "a";
  }
  const login = new Login();
  const command = () => ["node"];
  const options = { env: { A: "1" }, volumes: [["/data"]], login, command, bytes: new Uint8Array(1) };
  const copy = copyOptions(options);
  expect(copy).toEqual(options);
  options.env.A = "2";
  options.volumes[0]!.push("/more");
  expect([copy.env.A, copy.volumes]).toEqual(["1", [["/data"]]]);
  expect([copy.login, copy.command, copy.bytes]).toEqual([login, command, options.bytes]);
  expect(copy.login).toBe(login);
  const round: { self?: unknown } = {};
  round.self = round;
  const turned = copyOptions(round);
  expect(turned.self).toBe(turned);
});
