import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MusterError } from "@muster/core";
import Docker from "dockerode";
import { configDirectory, readConfig } from "./docker-config.ts";

/** How to reach an engine. */
export interface DockerConnection {
  /** `"/var/run/docker.sock"`; or `host` and `port`. */
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number | string;
  /** @default "http" */
  readonly protocol?: "http" | "https" | "ssh";
  /** With `https`: PEM, all three. */
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** With `ssh`. */
  readonly username?: string;
  readonly sshOptions?: { readonly agent?: string };
}

/**
 * The engine that the `docker` command would use as well: `DOCKER_HOST` (with `DOCKER_TLS_VERIFY` and
 * `DOCKER_CERT_PATH`), the context of `DOCKER_CONTEXT`, the current context, or the socket of this machine.
 * @throws MusterError `CLUSTER_START` for a context that does not exist
 */
export function connectEngine(connection?: DockerConnection, env: NodeJS.ProcessEnv = process.env): Docker {
  // What is given counts alone: dockerode would add what DOCKER_HOST says.
  if (connection !== undefined) return new Docker({ host: undefined, port: undefined, ...connection });
  if (env["DOCKER_HOST"]) return new Docker();
  const context = env["DOCKER_CONTEXT"] || currentContext(env);
  return context === undefined || context === "default"
    ? new Docker()
    : new Docker(contextConnection(configDirectory(env), context));
}

/** Where the engine is, for messages. */
export function addressOf(docker: Docker): string {
  const { host, port, socketPath, protocol } = docker.modem as {
    host?: string;
    port?: number | string;
    socketPath?: unknown;
    protocol?: string;
  };
  if (host !== undefined) return `${protocol ?? "http"}://${host}${port === undefined ? "" : `:${port}`}`;
  return typeof socketPath === "string" ? socketPath : "/var/run/docker.sock";
}

function currentContext(env: NodeJS.ProcessEnv): string | undefined {
  try {
    return readConfig(env).currentContext;
  } catch {
    // The `docker` command goes on as well, with this machine's engine.
    return undefined;
  }
}

/** `docker context` keeps a folder for each, named by the hash of its name. */
function contextConnection(directory: string, context: string): DockerConnection {
  const folder = createHash("sha256").update(context).digest("hex");
  let host: string;
  try {
    const text = readFileSync(join(directory, "contexts", "meta", folder, "meta.json"), "utf8");
    host = (JSON.parse(text) as { Endpoints: { docker: { Host: string } } }).Endpoints.docker.Host;
  } catch (cause) {
    const message = `The Docker context "${context}" cannot be read: "docker context ls" lists those that there are.`;
    throw new MusterError("CLUSTER_START", message, { cause });
  }
  const url = new URL(host);
  switch (url.protocol) {
    case "unix:":
    case "npipe:":
      return { socketPath: host.slice(url.protocol.length + 2) };
    case "ssh:":
      return {
        protocol: "ssh",
        host: url.hostname,
        port: url.port || 22,
        username: url.username,
        sshOptions: { agent: process.env["SSH_AUTH_SOCK"] },
      };
    default:
      return {
        host: url.hostname,
        port: url.port || 2375,
        ...tlsFiles(join(directory, "contexts", "tls", folder, "docker")),
      };
  }
}

function tlsFiles(folder: string): DockerConnection {
  try {
    const [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map((name) => readFileSync(join(folder, name)));
    return { protocol: "https", ca: ca!, cert: cert!, key: key! };
  } catch {
    // A context without TLS has none of them.
    return { protocol: "http" };
  }
}
