import { expect, test } from "vitest";
import { isNatsAddress, parseAddresses } from "./nats-address.ts";

const addressesOf = (addresses: string | readonly string[]): string[] =>
  parseAddresses(addresses, "address").servers.map(({ address }) => address);

test.each([
  ["nats://10.0.0.7:4223", ["nats://10.0.0.7:4223"]],
  ["nats://nats.example", ["nats://nats.example:4222"]],
  ["tls://NATS.example/", ["tls://nats.example:4222"]],
  ["nats://host:443", ["nats://host:443"]],
  ["nats://[fd00::7]:4222", ["nats://[fd00::7]:4222"]],
  ["ws://host", ["ws://host:80"]],
  ["wss://host/nats", ["wss://host:443/nats"]],
  ["localhost", ["nats://localhost:4222"]],
  ["nats://a:1, nats://b ,c:3,", ["nats://a:1", "nats://b:4222", "nats://c:3"]],
  ["tls://a,b", ["tls://a:4222", "tls://b:4222"]],
  [
    ["nats://a", "tls://b,nats://c"],
    ["nats://a:4222", "tls://b:4222", "nats://c:4222"],
  ],
])("%j names %j", (written, addresses) => {
  expect(addressesOf(written)).toEqual(addresses);
});

test("an address of IPv6 has its host without brackets", () => {
  expect(parseAddresses("nats://[::1]", "address").servers[0]).toMatchObject({ host: "::1", port: 4222 });
});

test.each([
  ["nats://me:pass%40word@host", { kind: "user", user: "me", password: "pass@word" }],
  ["nats://tok%2Cen@host", { kind: "token", token: "tok,en" }],
  ["nats://me:secret@a,nats://b", { kind: "user", user: "me", password: "secret" }],
  ["nats://me:secret@a,nats://me:secret@b", { kind: "user", user: "me", password: "secret" }],
])("%s has credentials, and no address shows them", (written, credentials) => {
  const parsed = parseAddresses(written, "address");
  expect(parsed.credentials).toEqual(credentials);
  for (const { address } of parsed.servers) expect(address).not.toMatch(/me|secret|tok/);
});

test.each([
  ["", "address names no NATS server."],
  [" , ", "address names no NATS server."],
  [
    "natz://host",
    'address is "natz://host", which is no address of a NATS server: it begins with natz:// (did you mean nats://?).',
  ],
  ["http://host", "it begins with http://."],
  ["nats://host:99999", "it cannot be read."],
  ["nats://host:0", "0 is no port to connect to."],
  ["nats://", "it cannot be read."],
  ["nats://host/path", "nothing may stand behind the port."],
  ["nats://host?tls=true", "nothing may stand behind the port."],
  [
    "nats://:word@host",
    'address is "nats://host", which is no address of a NATS server: it has a password and no user.',
  ],
  ["nats://me:100%@host", "have a % that begins no escape: write it as %25."],
  [
    "nats://host,ws://other",
    "address has addresses of WebSockets and others (nats://host:4222, ws://other:80)",
  ],
  ["nats://me:one@a,nats://me:two@b", "The addresses in address have different credentials in them"],
])("%j is refused", (written, message) => {
  expect(() => parseAddresses(written, "address")).toThrow(message);
});

test.each([
  "nats://me:hunter2,hunter3@host",
  "nats://me:hunter2@hunter3@host:x",
  "nats://hunter2:hunter3@host:99999",
  "me:hunter2@host:x",
  "natz://me:hunter2@host",
  "nats://me:hunter2/hunter3@host",
])("what is wrong with %s is said without its password", (written) => {
  let message = "";
  try {
    parseAddresses(written, "address");
  } catch (error) {
    message = (error as Error).message;
    expect((error as Error).cause).toBeUndefined();
  }
  expect(message).toContain("host");
  expect(message).not.toContain("hunter");
});

test("only what begins as one is an address of NATS", () => {
  expect(["nats://a", "TLS://a", "ws://a", "wss://a"].map(isNatsAddress)).toEqual([true, true, true, true]);
  expect(["a:4222", "tcp://a", "unix:///nats://", ""].map(isNatsAddress)).toEqual([
    false,
    false,
    false,
    false,
  ]);
});
