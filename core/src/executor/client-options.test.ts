import { inspect } from "node:util";
import { expect, test } from "vitest";
import { TemporaryClusterExecutor, type TemporaryClusterOptions } from "./temporary-cluster-executor.ts";

const address = "nats://10.0.0.7:4222";
const make = (options: object) => new TemporaryClusterExecutor(options as TemporaryClusterOptions);

test("an executor takes the address of a pool, and how to get in there", () => {
  for (const one of ["tls://a,tls://b:4223", "ws://a", "wss://a/nats", address]) make({ address: one });
  make({ address, clientKwargs: { pool: "gpu", poolTimeoutMs: 1000, token: "t", heartbeatMs: 500 } });
});

test.each([
  ["clusterClass", { clusterClass: "providers/local#LocalCluster" }],
  ["clusterKwargs", { clusterKwargs: { workers: 2 } }],
  ["adaptKwargs", { adaptKwargs: { maximum: 2 } }],
])("%s together with an address is refused, with the reason", (name, options) => {
  expect(() => make({ address, ...options })).toThrow(
    `${name} makes a cluster, and with \`address\` the run uses the workers of a pool that is already there, which others start and scale: leave one of the two out.`,
  );
});

test.each([
  [
    { address: "http://a" },
    'address is where the NATS server of a pool is, such as nats://10.0.0.7:4222 (or tls://, ws://, wss://), but it is "http://a".',
  ],
  [{ address: 4222 }, "of the type number"],
  [{ address: "nats://" }, "no address of a NATS server"],
  [
    { address, clientKwargs: { pool: "a b" } },
    'clientKwargs.pool is the name of a pool: up to 64 letters, digits, hyphens and underscores; but it is "a b".',
  ],
  [
    { address, clientKwargs: { poolTimeoutMs: -1 } },
    "clientKwargs.poolTimeoutMs must be a number of at least 0, or Infinity, but it is -1.",
  ],
  [{ address, clientKwargs: { servers: "nats://b" } }, 'clientKwargs has no option "servers"'],
  [{ address, clientKwargs: { pol: "x" } }, 'did you mean "pool"?'],
  [
    { clientKwargs: { pool: "x" } },
    "clientKwargs.pool is for a pool of workers, and there is no `address` of one: give the executor an address, or leave it out.",
  ],
  [{ clientKwargs: { token: "x" } }, "clientKwargs.token is for a pool of workers"],
])("%j is refused, and the message says why", (options, message) => {
  expect(() => make(options)).toThrow(message);
});

test("no message shows the credentials in an address", () => {
  for (const wrong of ["nats://ann:s3cret@", "http://ann:s3cret@a", "nats://ann:s3cret@a/path"]) {
    try {
      make({ address: wrong });
      expect.unreachable();
    } catch (error) {
      expect(inspect(error)).not.toContain("s3cret");
    }
  }
});

test("an executor that is shown to somebody shows no secret, and keeps them", () => {
  const clientKwargs = { user: "ann", password: "s3cret", pool: "gpu" };
  const executor = make({ address, clientKwargs });
  const inAddress = make({ address: "nats://ann:s3cret@10.0.0.7:4222" });
  for (const text of [
    inspect(executor),
    JSON.stringify(executor),
    inspect({ inAddress }),
    JSON.stringify([inAddress]),
  ]) {
    expect(text).not.toContain("s3cret");
    expect(text).toContain("10.0.0.7");
  }
  expect(executor.options.clientKwargs).toEqual(clientKwargs);
});
