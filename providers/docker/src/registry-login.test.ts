import { join } from "node:path";
import { expect, test } from "vitest";
import { base64, DockerHome } from "./docker-config.test.kit.ts";
import type { DockerConfig } from "./docker-config.ts";
import { findLogin } from "./registry-login.ts";

/** A helper that knows one registry, and answers in the words of Docker's own helpers. */
const knows = (server: string, username: string, secret: string): string => `
  let server = "";
  process.stdin.on("data", (text) => (server += text)).on("end", () => {
    if (process.argv[2] === "get" && server === ${JSON.stringify(server)})
      console.log(JSON.stringify({ ServerURL: server, Username: "${username}", Secret: "${secret}" }));
    else {
      console.log("credentials not found in native keychain");
      process.exitCode = 1;
    }
  });`;

const anna = { username: "anna", password: "a:b" };
const kept = { auth: base64("anna:a:b") };
const hub = "https://index.docker.io/v1/";

test.each<[image: string, key: string, serveraddress: string]>([
  ["ghcr.io/anna/flow:1", "ghcr.io", "ghcr.io"],
  ["ghcr.io/anna/flow@sha256:1234", "https://ghcr.io/v2/", "ghcr.io"],
  ["localhost:5000/flow", "localhost:5000", "localhost:5000"],
  ["localhost/flow", "http://localhost", "localhost"],
  ["anna/flow", hub, hub],
  ["node:24", "docker.io", hub],
  ["docker.io/anna/flow", hub, hub],
])("%s is pulled with what is kept for %s", async (image, key, serveraddress) => {
  using home = new DockerHome({ auths: { "other.example": { auth: base64("eve:x") }, [key]: kept } });
  expect((await findLogin(image, home)).login).toEqual({ serveraddress, ...anna });
});

test.each(["ghcr.io/anna/flow", "anna/flow", "node:24"])(
  "%s is pulled as nobody without a login",
  async (image) => {
    using home = new DockerHome({ auths: { "other.example": kept, anna: kept, "other.example:5000": kept } });
    expect(await findLogin(image, home)).toEqual({ registry: expect.any(String), login: undefined });
    expect((await findLogin(image, { env: { DOCKER_CONFIG: "/nowhere" } })).problem).toBeUndefined();
  },
);

test("an identity token stands for the password", async () => {
  using home = new DockerHome({
    auths: { "my.azurecr.io": { auth: base64("0000:"), identitytoken: "token" } },
  });
  expect((await findLogin("my.azurecr.io/flow", home)).login).toEqual({
    serveraddress: "my.azurecr.io",
    username: "0000",
    identitytoken: "token",
  });
});

test("a registry's own helper is asked, and the common one for the others", async () => {
  using home = new DockerHome(
    { credHelpers: { "ghcr.io": "own" }, credsStore: "common", auths: { "ghcr.io": {} } },
    { own: knows("ghcr.io", "anna", "from own"), common: knows(hub, "<token>", "from common") },
  );
  expect((await findLogin("ghcr.io/anna/flow", home)).login).toEqual({
    serveraddress: "ghcr.io",
    username: "anna",
    password: "from own",
  });
  expect((await findLogin("anna/flow", home)).login).toEqual({
    serveraddress: hub,
    identitytoken: "from common",
  });
});

test("what a helper does not know may be kept in the configuration", async () => {
  using home = new DockerHome(
    { credsStore: "common", auths: { "ghcr.io": kept } },
    { common: knows("other.example", "eve", "x") },
  );
  expect((await findLogin("ghcr.io/anna/flow", home)).login).toEqual({ serveraddress: "ghcr.io", ...anna });
  expect(await findLogin("quay.io/anna/flow", home)).toEqual({ registry: "quay.io", login: undefined });
});

test.each<[what: string, config: DockerConfig | string, helpers: Record<string, string>, words: string]>([
  [
    "a helper that is not there",
    { credsStore: "desktop.exe" },
    {},
    "docker-credential-desktop.exe is not installed",
  ],
  [
    "a helper that fails",
    { credsStore: "cloud" },
    { cloud: 'console.error("the session has expired"); process.exit(1);' },
    "docker-credential-cloud failed (the session has expired)",
  ],
  [
    "a helper that talks",
    { credsStore: "cloud" },
    { cloud: 'console.log("Hello!");' },
    "docker-credential-cloud answered with something else than JSON",
  ],
  ["a login that is none", { auths: { "ghcr.io": { auth: base64("anna") } } }, {}, 'its "auth" is no user'],
  ["a configuration that is no JSON", "{", {}, "JSON"],
])("%s is said, and is no error yet", async (_, config, helpers, words) => {
  using home = new DockerHome(config, helpers);
  const { login, problem } = await findLogin("ghcr.io/anna/flow", home);
  expect(login).toBeUndefined();
  expect(problem).toContain(`the login for ghcr.io that ${join(home.directory, "config.json")} has`);
  expect(problem).toContain(words);
});
