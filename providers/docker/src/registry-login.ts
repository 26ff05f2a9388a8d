import { execFile } from "node:child_process";
import { configFile, type KeptLogin, readConfig } from "./docker-config.ts";

/** Docker Hub, as its login is called. */
export const DOCKER_HUB = "https://index.docker.io/v1/";
const HUB_HOSTS = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/** Milliseconds that a helper has: some ask a cloud's service. */
const HELPER_MS = 30_000;
/** What every helper prints when it knows of no login. */
const UNKNOWN_TO_HELPER = /credentials not found/i;

/** What the engine shows to a registry: a password, or an identity token in its place. */
export interface Login {
  readonly serveraddress: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

/** As whom to pull an image. */
export interface FoundLogin {
  /** Of the image: `"ghcr.io"`, `"docker.io"`. */
  readonly registry: string;
  /** Undefined: as nobody. */
  readonly login?: Login | undefined;
  /** Why there is no login where one is configured: a sentence without its full stop. */
  readonly problem?: string;
}

export interface FindLoginOptions {
  /** @default that of this process */
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

/**
 * The login that the `docker` command would pull an image with: from the helper that its configuration names for the
 * registry (`credHelpers`, else `credsStore`), else from the configuration itself (`auths`). Never throws: most images
 * can be pulled by anybody, whatever is wrong with a login.
 */
export async function findLogin(image: string, options: FindLoginOptions = {}): Promise<FoundLogin> {
  const { env = process.env } = options;
  const registry = registryOf(image);
  const file = configFile(env);
  try {
    const { auths, credHelpers, credsStore } = readConfig(env);
    const helper = ofRegistry(registry, credHelpers) ?? credsStore;
    const helped = helper && (await askHelper(helper, registry, { ...options, env }));
    const login = helped || keptLogin(registry, ofRegistry(registry, auths));
    return { registry, login };
  } catch (error) {
    const problem = `the login for ${registry} that ${file} has cannot be had: ${(error as Error).message}`;
    return { registry, problem };
  }
}

/** The first part of an image's name, if it is a host; else the image is one of Docker Hub. */
function registryOf(image: string): string {
  const [first = "", ...path] = image.split("/");
  const isHost = path.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return isHost ? hostOf(first) : "docker.io";
}

/** Of a registry, from its name or its address. */
function hostOf(registry: string): string {
  const host = registry.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  return HUB_HOSTS.includes(host) ? "docker.io" : host;
}

/** What a registry is called where logins are kept. */
function serverOf(registry: string): string {
  return registry === "docker.io" ? DOCKER_HUB : registry;
}

/** What a configuration has for a registry; old ones name it by some address of it. */
function ofRegistry<T>(registry: string, entries: Readonly<Record<string, T>> = {}): T | undefined {
  const key = Object.keys(entries).find((name) => hostOf(name) === registry);
  return entries[serverOf(registry)] ?? (key === undefined ? undefined : entries[key]);
}

function keptLogin(registry: string, kept: KeptLogin | undefined): Login | undefined {
  const { auth = "", identitytoken } = kept ?? {};
  if (auth === "" && !identitytoken) return undefined;
  const text = Buffer.from(auth, "base64").toString();
  const colon = text.indexOf(":");
  if (auth !== "" && colon < 1) throw new Error('its "auth" is no user and password in base64');
  const username = text.slice(0, Math.max(colon, 0));
  const serveraddress = serverOf(registry);
  if (identitytoken) return { serveraddress, username, identitytoken };
  return { serveraddress, username, password: text.slice(colon + 1) };
}

/** Undefined when it knows of none. */
async function askHelper(
  name: string,
  registry: string,
  { env, signal }: FindLoginOptions,
): Promise<Login | undefined> {
  const serveraddress = serverOf(registry);
  const answer = await runHelper(`docker-credential-${name}`, serveraddress, { env, signal });
  if (answer === undefined) return undefined;
  const { Username: username, Secret: secret } = answer;
  if (username === undefined || secret === undefined) return undefined;
  return username === "<token>"
    ? { serveraddress, identitytoken: secret }
    : { serveraddress, username, password: secret };
}

interface HelperAnswer {
  readonly Username?: string;
  readonly Secret?: string;
}

function runHelper(
  program: string,
  server: string,
  options: FindLoginOptions,
): Promise<HelperAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, ["get"], { ...options, timeout: HELPER_MS }, (error, stdout, stderr) => {
      if (error === null) {
        try {
          resolve(JSON.parse(stdout) as HelperAnswer);
        } catch {
          // Not its words: there may be a secret in them.
          reject(new Error(`${program} answered with something else than JSON`));
        }
        return;
      }
      const words = `${stdout}${stderr}`.trim();
      if (UNKNOWN_TO_HELPER.test(words)) resolve(undefined);
      else if (error.code === ("ENOENT" as unknown)) reject(new Error(`${program} is not installed`));
      else if (error.killed === true)
        reject(new Error(`${program} did not answer within ${HELPER_MS / 1000} s`));
      else reject(new Error(`${program} failed (${words || error.message})`));
    });
    // One that ends without reading breaks the pipe; how it ended says more.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(server);
  });
}
