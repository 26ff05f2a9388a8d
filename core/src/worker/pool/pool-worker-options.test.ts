import { inspect } from "node:util";
import { expect, test } from "vitest";
import { readPoolWorkerOptions } from "./pool-worker-options.ts";

const read = (...args: string[]) => readPoolWorkerOptions(args, {});

test("a worker of a pool has one lane and no resources, unless its command line or environment says more", () => {
  const { target, ...plain } = read("nats://a", "--pool", "default");
  expect(target.address).toBe("nats://a:4222");
  expect(plain).toEqual({ pool: "default", lanes: 1, resources: {}, memoryLimit: undefined });
  const args = [
    "nats://a",
    "--pool",
    "gpu",
    "--threads",
    "4",
    "--resources",
    '{"GPU":1}',
    "--memory-limit",
    "2GiB",
  ];
  expect(read(...args)).toMatchObject({ pool: "gpu", lanes: 4, resources: { GPU: 1 }, memoryLimit: 2 ** 31 });
  const env = { MUSTER_ADDRESS: "nats://b", MUSTER_THREADS: "3", MUSTER_RESOURCES: '{"GPU":2}' };
  const { target: there, ...others } = readPoolWorkerOptions(["--pool", "default"], env);
  expect([there.address, others.lanes, others.resources]).toEqual(["nats://b:4222", 3, { GPU: 2 }]);
});

test.each([
  [["nats://a", "--pool", "a.b"], "--pool is the name of a pool"],
  [
    ["nats://a", "--pool", "a", "--threads", "0"],
    '--threads is how many tasks run at once: a whole number from 1 to 1024, but it is "0".',
  ],
  [
    ["nats://a", "--pool", "a", "--resources", "GPU"],
    '--resources must be a JSON object of numbers, such as {"GPU":1}, but it is "GPU".',
  ],
  [
    ["nats://a", "--pool", "a", "--resources", '{"GPU":"x"}'],
    "--resources.GPU must be a number of at least 0",
  ],
  [
    ["nats://a", "--pool", "a", "--memory-limit", "much"],
    "--memory-limit must be a number of bytes or a text such as",
  ],
  [
    ["nats://a", "--pool", "a", "--memory-limit", "12"],
    "--memory-limit must be at least 1MiB, but it is 12.",
  ],
  [["--pool", "a"], "the address names no NATS server"],
  [["nats://a", "--pool", "a", "--thread", "1"], "--thread"],
])("%j is refused, and the message says why", (args, message) => {
  expect(() => read(...args)).toThrow(message);
});

test("credentials of the environment get in, and are not shown", () => {
  const options = readPoolWorkerOptions(["nats://a", "--pool", "a"], { MUSTER_NATS_TOKEN: "s3cret" });
  expect(options.target.secrets().credentials).toEqual({ kind: "token", token: "s3cret" });
  expect(inspect(options)).not.toContain("s3cret");
});
