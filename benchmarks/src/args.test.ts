import { expect, test } from "vitest";
import { parseBenchArgs, UsageError } from "./args.ts";
import { SYSTEM_NAMES, WORKLOAD_NAMES } from "./system.ts";

test("without options, everything runs five rounds", () => {
  expect(parseBenchArgs([])).toEqual({
    workloads: WORKLOAD_NAMES,
    systems: SYSTEM_NAMES,
    rounds: 5,
    quick: false,
    jsonFile: undefined,
  });
});

test("names are chosen by comma and run in the table's order", () => {
  const options = parseBenchArgs([
    "--only",
    "latency,noop",
    "--systems",
    "piscina, dask",
    "--rounds",
    "2",
    "--quick",
  ]);
  expect(options).toMatchObject({
    workloads: ["noop", "latency"],
    systems: ["dask", "piscina"],
    rounds: 2,
    quick: true,
  });
});

test("a name that is not there is named, with those that are", () => {
  expect(() => parseBenchArgs(["--only", "nope"])).toThrow(/--only: no "nope"; there are noop, submit/);
});

test.each(["0", "1.5", "many"])("--rounds %s is refused", (rounds) => {
  expect(() => parseBenchArgs(["--rounds", rounds])).toThrow(UsageError);
});
