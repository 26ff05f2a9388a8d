import { readFileSync } from "node:fs";
import { Socket } from "node:net";
import { dirname } from "node:path";
import { readWorkerEnv, type WorkerSettings, withSecrets } from "../cluster/worker-env.ts";
import { Channel } from "../wire/channel.ts";
import { type DialTarget, dial } from "./dial.ts";
import { type DriverPulse, ProcessPulse, SocketPulse } from "./driver-pulse.ts";
import { WorkerExitCode } from "./exit-code.ts";
import { Worker } from "./worker.ts";

/**
 * Runs a worker in this process, until its engine lets it go. The address may be an argument; all else comes from
 * environment variables, since a command line is there for all to read.
 */
export function runWorker(args: readonly string[], env: NodeJS.ProcessEnv): void {
  let settings: WorkerSettings;
  let url: URL;
  try {
    const whole = withSecrets(env, (file) => readFileSync(file, "utf8"));
    settings = readWorkerEnv(args[0] === undefined ? whole : { ...whole, MUSTER_ADDRESS: args[0] });
    url = parseAddress(settings);
  } catch (error) {
    exit(WorkerExitCode.usage, (error as Error).message);
    return;
  }
  // The token is this process's alone: tasks and what they start must not see it.
  delete process.env["MUSTER_TOKEN"];
  const isPipe = url.protocol === "pipe:";
  const worker = new Worker({
    settings,
    pulse: pulseOf(url, settings),
    engineDirectory: url.protocol === "unix:" ? dirname(decodeURIComponent(url.pathname)) : undefined,
    connect: (listener) =>
      new Channel(isPipe ? new Socket({ fd: Number(url.hostname) }) : connect(url, settings), listener),
    ended: exit,
  });
  process.on("SIGTERM", () => worker.drain());
  // The terminal's Ctrl-C is for the driver, which tells its workers what to do.
  process.on("SIGINT", () => {});
}

function parseAddress({ address, certificate }: WorkerSettings): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url !== undefined && ["pipe:", "unix:"].includes(url.protocol)) return url;
  if (url === undefined || !["tcp:", "tls:"].includes(url.protocol) || url.port === "") {
    throw new Error(`"${address}" is no address of an engine: it looks like tcp://127.0.0.1:40123.`);
  }
  if (url.protocol === "tls:" && certificate === undefined) {
    throw new Error(`MUSTER_CERTIFICATE is not set: without it nobody knows who answers at ${address}.`);
  }
  return url;
}

/** `pid` in the address: the driver is a process of this machine. `pulse`: it answers on that port. */
function pulseOf(url: URL, settings: WorkerSettings): DriverPulse | undefined {
  const pid = url.searchParams.get("pid");
  const port = url.searchParams.get("pulse");
  if (pid !== null) return new ProcessPulse(Number(pid));
  return port === null ? undefined : new SocketPulse(target(url, Number(port), settings));
}

function connect(url: URL, settings: WorkerSettings): Socket {
  const where = url.protocol === "unix:" ? here(url, settings) : target(url, Number(url.port), settings);
  const socket = dial(where);
  socket.setNoDelay(true);
  return socket;
}

/** A socket that is a file of this machine. */
function here(url: URL, { token }: WorkerSettings): DialTarget {
  return { at: { path: decodeURIComponent(url.pathname) }, token, certificate: undefined };
}

function target(url: URL, port: number, { token, certificate }: WorkerSettings): DialTarget {
  // In a URL, an address of IPv6 stands in brackets.
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return { at: { host, port }, token, certificate: url.protocol === "tls:" ? certificate : undefined };
}

function exit(code: number, reason?: string): void {
  if (reason !== undefined) process.stderr.write(`muster worker: ${reason}\n`);
  process.exit(code);
}
