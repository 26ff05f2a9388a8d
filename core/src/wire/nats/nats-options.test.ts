import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { createIdentity } from "../../base/certificate.ts";
import { splitSecrets } from "../../contracts/worker-env.ts";
import {
  NATS_OPTION_NAMES,
  type NatsOptions,
  type NatsTarget,
  natsEnv,
  resolveNatsOptions,
} from "./nats-options.ts";

const servers = "nats://host";
const SEED = `SU${"A".repeat(56)}`;
const CREDS = "-----BEGIN NATS USER JWT-----\neyJ0\n------END NATS USER JWT------\n";
const client = createIdentity({ name: "a client" });

function resolve(options: NatsOptions, env: Record<string, string> = {}): NatsTarget {
  return resolveNatsOptions({ servers, ...options }, { env });
}

/** A directory with files, that is removed. */
function files(contents: Record<string, string>): { path(name: string): string; [Symbol.dispose](): void } {
  const directory = mkdtempSync(join(tmpdir(), "muster-test-"));
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(directory, name), content);
  return {
    path: (name) => join(directory, name),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}

test("without anything it says who it is to nobody, and trusts whom Node trusts", () => {
  const target = resolve({});
  expect(target.address).toBe("nats://host:4222");
  expect(target.connectTimeoutMs).toBe(10_000);
  expect(target.secrets().credentials).toBeUndefined();
  expect(target.tls).toBeUndefined();
});

test.each<[NatsOptions, Record<string, string>, object]>([
  [{ user: "me", password: "mine" }, {}, { kind: "user", user: "me", password: "mine" }],
  [{ token: "mine" }, {}, { kind: "token", token: "mine" }],
  [{ nkey: SEED }, {}, { kind: "nkey", seed: SEED }],
  [{ creds: CREDS }, {}, { kind: "creds", content: CREDS }],
  [{}, { MUSTER_NATS_TOKEN: "theirs" }, { kind: "token", token: "theirs" }],
  [{}, { MUSTER_NATS_NKEY: ` ${SEED}\n` }, { kind: "nkey", seed: SEED }],
  // What is said here counts more, whatever it is.
  [{ token: "mine" }, { MUSTER_NATS_USER: "x", MUSTER_NATS_PASSWORD: "x" }, { kind: "token", token: "mine" }],
  [{ servers: "nats://mine@host" }, { MUSTER_NATS_CREDS: CREDS }, { kind: "token", token: "mine" }],
  // A user is no secret, and may be written where its password is not.
  [{ user: "me" }, { MUSTER_NATS_PASSWORD: "theirs" }, { kind: "user", user: "me", password: "theirs" }],
])("who it is: %j and the environment %j", (options, env, credentials) => {
  expect(resolve(options, env).secrets().credentials).toEqual(credentials);
});

test.each<[NatsOptions, Record<string, string>, string]>([
  [{ user: "me" }, {}, "clientKwargs.user is given without a password: give both."],
  [{}, { MUSTER_NATS_PASSWORD: "x" }, "MUSTER_NATS_PASSWORD is given without a user: give both."],
  [
    { user: "me", token: "x" },
    {},
    "clientKwargs.user and clientKwargs.token are different ways to say who this is",
  ],
  [
    {},
    { MUSTER_NATS_TOKEN: "x", MUSTER_NATS_CREDS: CREDS },
    "MUSTER_NATS_TOKEN and MUSTER_NATS_CREDS are different",
  ],
  [
    { servers: "nats://me:x@host", token: "x" },
    {},
    "There are credentials in the address and in clientKwargs.token",
  ],
  [{ nkey: "hunter2" }, {}, "clientKwargs.nkey must be the seed of a user's nkey: SU, and 56 more"],
  [
    { creds: "/nowhere/my.creds" },
    {},
    "The file of clientKwargs.creds cannot be read: ENOENT: no such file or directory, open '/nowhere/my.creds'.",
  ],
  [{ creds: "hunter2\nhunter2" }, {}, "clientKwargs.creds must be the path of a file, or the credentials"],
  [{ token: "" }, {}, "clientKwargs.token is an empty text: leave it out"],
  [{ token: 7 as never }, {}, "clientKwargs.token must be a text, but it is of the type number."],
  [{ password: ["hunter2"] as never }, {}, "clientKwargs.password must be a text, but it is an array."],
  [{ ca: "-----BEGIN CERTIFICATE-----" }, {}, "There is no certificate in clientKwargs.ca."],
  [{ ca: client.key }, {}, "There is no certificate in clientKwargs.ca."],
  [{ ca: client.certificate.replace("MII", "XXX") }, {}, "A certificate in clientKwargs.ca cannot be read: "],
  [{ cert: client.certificate }, {}, "clientKwargs.cert is given without its key: give both."],
  [{}, { MUSTER_NATS_KEY: client.key }, "MUSTER_NATS_KEY is given without its cert: give both."],
  [{ cert: client.certificate, key: client.certificate }, {}, "The key in clientKwargs.key cannot be read: "],
  [
    { cert: client.certificate, key: createIdentity().key },
    {},
    "clientKwargs.cert and its key cannot be used: ",
  ],
  [
    { servers: "ws://host", ca: client.certificate },
    {},
    "clientKwargs.ca is for TLS, which addresses with ws:// do not use: write wss://.",
  ],
  [{ tlsFirst: "yes" as never }, {}, 'clientKwargs.tlsFirst must be true or false, but it is "yes".'],
  [{}, { MUSTER_NATS_TLS_FIRST: "1" }, 'MUSTER_NATS_TLS_FIRST must be true or false, but it is "1".'],
  [{ connectTimeoutMs: 0 }, {}, "clientKwargs.connectTimeoutMs must be a number of at least 1, but it is 0."],
  [
    {},
    { MUSTER_NATS_CONNECT_TIMEOUT_MS: "soon" },
    "MUSTER_NATS_CONNECT_TIMEOUT_MS must be a number of at least 1",
  ],
  [{ passwd: "hunter2" } as never, {}, 'clientKwargs has no option "passwd": did you mean "password"?'],
])("%j with the environment %j is refused, without a secret", (options, env, message) => {
  let error = new Error("It was not refused.");
  try {
    resolve(options, env);
  } catch (thrown) {
    error = thrown as Error;
  }
  expect(error).toMatchObject({ code: "INVALID_OPTION", message: expect.stringContaining(message) });
  expect(inspect(error, { depth: 5 })).not.toContain("hunter");
});

test("whoever takes them among others knows their names", () => {
  const given = Object.fromEntries(NATS_OPTION_NAMES.map((name) => [name, undefined]));
  expect(resolve({ ...given, servers } as NatsOptions).address).toBe("nats://host:4222");
  expect(NATS_OPTION_NAMES).toContain("tlsServerName");
});

test("what is in files is the same as what is given", () => {
  using given = files({ "my.creds": CREDS, "ca.pem": client.certificate, "key.pem": client.key });
  const target = resolve({
    servers: "tls://host",
    creds: given.path("my.creds"),
    ca: given.path("ca.pem"),
    cert: given.path("ca.pem"),
    key: given.path("key.pem"),
  });
  expect(target.secrets()).toEqual({
    credentials: { kind: "creds", content: CREDS },
    client: { cert: client.certificate, key: client.key },
  });
  expect(target.tls?.ca).toBe(client.certificate);
});

test("a file that holds something else is named", () => {
  using given = files({ "my.creds": "hunter2" });
  const path = given.path("my.creds");
  expect(() => resolve({ creds: path })).toThrow(
    `The file ${path} of clientKwargs.creds must hold the credentials`,
  );
});

const ALL: readonly (readonly [string, NatsOptions])[] = [
  ["a user", { user: "me", password: "hunter2" }],
  ["an address", { servers: "nats://me:hunter2@host" }],
  ["a token", { token: "hunter2" }],
  ["an nkey", { nkey: SEED }],
  ["credentials", { creds: CREDS }],
  [
    "TLS",
    {
      servers: "tls://host",
      token: "hunter2",
      ca: client.certificate,
      cert: client.certificate,
      key: client.key,
      tlsServerName: "nats.example",
      tlsFirst: true,
      connectTimeoutMs: 500,
    },
  ],
];

test.each(ALL)("a worker that is handed the options with %s has the same", (_name, options) => {
  const target = resolve(options);
  const again = resolveNatsOptions({ servers: target.address }, { env: natsEnv(target) });
  expect(again.address).toBe(target.address);
  expect(again.connectTimeoutMs).toBe(target.connectTimeoutMs);
  expect(again.secrets()).toEqual(target.secrets());
  expect({ ...again.tls, context: undefined }).toEqual({ ...target.tls, context: undefined });
});

test.each(ALL)("neither inspect nor JSON shows a secret of the options with %s", (_name, options) => {
  const target = resolve(options);
  for (const text of [
    inspect(target, { depth: 10, showHidden: true, getters: true }),
    JSON.stringify({ target }),
  ]) {
    expect(text).toContain(target.address);
    expect(text).not.toMatch(/hunter2|SUAA|eyJ0|PRIVATE KEY/);
  }
});

test.each(ALL)("a worker is handed the secrets of the options with %s as such", (_name, options) => {
  const { open } = splitSecrets(natsEnv(resolve(options)));
  expect(JSON.stringify(open)).not.toMatch(/hunter2|SUAA|eyJ0|PRIVATE KEY/);
});
