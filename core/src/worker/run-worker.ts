import { connect as connectTcp, Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { readWorkerEnv, type WorkerSettings } from "../cluster/worker-env.ts";
import { Channel } from "../wire/channel.ts";
import { preamble } from "../wire/protocol.ts";
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
    settings = readWorkerEnv(args[0] === undefined ? env : { ...env, MUSTER_ADDRESS: args[0] });
    url = parseAddress(settings.address);
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
    connect: (listener) =>
      new Channel(isPipe ? new Socket({ fd: Number(url.hostname) }) : dial(url, settings), listener),
    ended: exit,
  });
  process.on("SIGTERM", () => worker.drain());
  // The terminal's Ctrl-C is for the driver, which tells its workers what to do.
  process.on("SIGINT", () => {});
}

function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === "pipe:") return url;
  if (url === undefined || !["tcp:", "tls:"].includes(url.protocol) || url.port === "") {
    throw new Error(`"${address}" is no address of an engine: it looks like tcp://127.0.0.1:40123.`);
  }
  return url;
}

/** `pid` in the address: the driver is a process of this machine. `pulse`: it answers on that port. */
function pulseOf(url: URL, settings: WorkerSettings): DriverPulse | undefined {
  const pid = url.searchParams.get("pid");
  const port = url.searchParams.get("pulse");
  if (pid !== null) return new ProcessPulse(Number(pid));
  return port === null
    ? undefined
    : new SocketPulse({ host: url.hostname, port: Number(port) }, settings.token);
}

/** Connects, and says who is there. */
function dial(url: URL, settings: WorkerSettings): Socket {
  const socket = openSocket(url, settings);
  socket.setNoDelay(true);
  socket.write(preamble(settings.token));
  return socket;
}

function openSocket(url: URL, settings: WorkerSettings): Socket {
  const target = { host: url.hostname, port: Number(url.port) };
  if (url.protocol === "tcp:") return connectTcp(target);
  // The certificate was made for this run: it is the authority, and its name is not the host's.
  return connectTls({
    ...target,
    ca: settings.certificate,
    minVersion: "TLSv1.3",
    checkServerIdentity: () => undefined,
  });
}

function exit(code: number, reason?: string): void {
  if (reason !== undefined) process.stderr.write(`muster worker: ${reason}\n`);
  process.exit(code);
}
