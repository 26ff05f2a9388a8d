import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** What `docker login` keeps of a registry when it has no better place. */
export interface KeptLogin {
  /** `user:password`, in base64. */
  readonly auth?: string;
  /** In place of the password. */
  readonly identitytoken?: string;
}

/** The file `config.json` of the `docker` command, as far as it matters here. */
export interface DockerConfig {
  readonly currentContext?: string;
  /** By registry: `"ghcr.io"`, `"https://index.docker.io/v1/"`. */
  readonly auths?: Readonly<Record<string, KeptLogin>>;
  /** By registry, the program `docker-credential-<name>` that knows its login. */
  readonly credHelpers?: Readonly<Record<string, string>>;
  /** The one that knows all others. */
  readonly credsStore?: string;
}

/** Where the `docker` command keeps its settings. */
export function configDirectory(env: NodeJS.ProcessEnv): string {
  return env["DOCKER_CONFIG"] ?? join(homeDirectory(), ".docker");
}

/** Somebody without HOME and without a name on this machine has none: then there is nothing in it. */
function homeDirectory(): string {
  try {
    return homedir();
  } catch {
    return "/";
  }
}

export function configFile(env: NodeJS.ProcessEnv): string {
  return join(configDirectory(env), "config.json");
}

/**
 * Its settings; none for who never configured anything.
 * @throws what Node says of a file that cannot be read or is no JSON
 */
export function readConfig(env: NodeJS.ProcessEnv): DockerConfig {
  try {
    return (JSON.parse(readFileSync(configFile(env), "utf8")) as DockerConfig | null) ?? {};
  } catch (error) {
    // Another user's home counts as none.
    if (["ENOENT", "ENOTDIR", "EACCES"].includes((error as NodeJS.ErrnoException).code ?? "")) return {};
    throw error;
  }
}
