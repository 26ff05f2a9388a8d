import fc from "fast-check";
import { expect, test } from "vitest";
import { readWorkerEnv, splitSecrets, type WorkerSettings, withSecrets, workerEnv } from "./worker-env.ts";

const env = {
  MUSTER_ADDRESS: "tcp://127.0.0.1:1",
  MUSTER_TOKEN: "t",
  MUSTER_WORKER_ID: "w-1",
  MUSTER_RUN_ID: "run-1",
};

test("what a driver writes, a worker reads", () => {
  const text = fc.string({ minLength: 1 });
  const settings: fc.Arbitrary<WorkerSettings> = fc.record({
    address: text,
    token: text,
    certificate: fc.option(text, { nil: undefined }),
    nats: fc.constantFrom(undefined, { MUSTER_NATS_USER: "us", MUSTER_NATS_PASSWORD: "secret" }),
    workerId: text,
    runId: text,
    threads: fc.integer({ min: 1, max: 128 }),
    tasksPerThread: fc.integer({ min: 1, max: 128 }),
    resources: fc.dictionary(fc.stringMatching(/^[A-Za-z]{1,8}$/), fc.nat()).map((one) => ({ ...one })),
    memoryLimit: fc.option(fc.integer({ min: 1 }), { nil: undefined }),
    deathTimeoutMs: fc.nat(),
    cancelGraceMs: fc.nat(),
    logLevel: fc.constantFrom("debug", "info", "warn", "error"),
  });
  fc.assert(fc.property(settings, (one) => void expect(readWorkerEnv(workerEnv(one))).toEqual(one)));
});

test("a worker that is started by hand needs four variables", () => {
  expect(readWorkerEnv(env)).toMatchObject({
    threads: 1,
    tasksPerThread: 1,
    resources: {},
    deathTimeoutMs: 30_000,
  });
  const { MUSTER_TOKEN: _, ...without } = env;
  expect(() => readWorkerEnv(without)).toThrow("The environment variable MUSTER_TOKEN is not set.");
});

test.each([
  ["MUSTER_THREADS", "0", 'must be a whole number of at least 1, but it is "0"'],
  ["MUSTER_THREADS", "two", 'must be a whole number of at least 1, but it is "two"'],
  ["MUSTER_RESOURCES", "{GPU}", "must be a JSON object of numbers"],
  ["MUSTER_RESOURCES", '{"GPU":"1"}', "must be a JSON object of numbers"],
  ["MUSTER_LOG_LEVEL", "loud", "must be one of debug, info, warn, error"],
])("%s=%s is refused by name", (name, value, message) => {
  expect(() => readWorkerEnv({ ...env, [name]: value })).toThrow(
    `The environment variable ${name} ${message}`,
  );
});

test("what is secret can go into a file, and comes back", () => {
  const whole = { ...env, MUSTER_CERTIFICATE: "PEM", OWN: "1" };
  const { open, secret } = splitSecrets(whole);
  expect(Object.keys(secret).sort()).toEqual(["MUSTER_CERTIFICATE", "MUSTER_TOKEN"]);
  expect({ ...open, ...secret }).toEqual(whole);
  const given = { ...open, MUSTER_SECRET_FILE: "/run/secret.json" };
  const read = (path: string): string => (path === "/run/secret.json" ? JSON.stringify(secret) : "");
  expect(withSecrets(given, read)).toMatchObject(whole);
});

test("a secret file that is not there is named", () => {
  const missing = { ...env, MUSTER_SECRET_FILE: "/nowhere" };
  const read = (): string => {
    throw new Error("ENOENT");
  };
  expect(() => withSecrets(missing, read)).toThrow(
    "The file /nowhere of the environment variable MUSTER_SECRET_FILE cannot be read: ENOENT.",
  );
});
