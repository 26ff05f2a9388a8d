import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { endDescendants, killThisProcess } from "../base/descendants.ts";
import { readWorkerEnv, type WorkerSettings, withSecrets, workerMark } from "../contracts/worker-env.ts";
import { WorkerExitCode } from "../contracts/worker-exit-code.ts";
import { Channel } from "../wire/channel.ts";
import { type DialTarget, dial } from "../wire/dial.ts";
import { type DriverPulse, ProcessPulse, SocketPulse } from "./driver-pulse.ts";
import { Worker, type WorkerEnd } from "./worker.ts";

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
    complain((error as Error).message);
    process.exit(WorkerExitCode.usage);
  }
  // The token is this process's alone: tasks and what they start must not see it.
  delete process.env["MUSTER_TOKEN"];
  const target = targetOf(url, settings);
  const worker = new Worker({
    settings,
    pulse: pulseOf(url, target),
    engineDirectory: url.protocol === "unix:" ? dirname(decodeURIComponent(url.pathname)) : undefined,
    connect: (listener) => new Channel(dial(target), listener),
    threadLink: { kind: "dial", target },
    ended: leave,
  });
  process.on("SIGTERM", () => worker.drain());
  // The terminal's Ctrl-C is for the driver, which tells its workers what to do.
  process.on("SIGINT", () => {});
}

function parseAddress({ address, certificate }: WorkerSettings): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol === "unix:") return url;
  if (url === undefined || !["tcp:", "tls:"].includes(url.protocol) || url.port === "") {
    throw new Error(`"${address}" is no address of an engine: it looks like tcp://127.0.0.1:40123.`);
  }
  if (url.protocol === "tls:" && certificate === undefined) {
    throw new Error(`MUSTER_CERTIFICATE is not set: without it nobody knows who answers at ${address}.`);
  }
  return url;
}

/** `pid` in the address: the driver is a process of this machine. `pulse`: it answers on that port. */
function pulseOf(url: URL, target: DialTarget): DriverPulse | undefined {
  const pid = url.searchParams.get("pid");
  const port = url.searchParams.get("pulse");
  if (pid !== null) return new ProcessPulse(Number(pid));
  if (port === null) return undefined;
  return new SocketPulse({ ...target, at: { host: hostOf(url), port: Number(port) } });
}

function targetOf(url: URL, { token, certificate }: WorkerSettings): DialTarget {
  if (url.protocol === "unix:")
    return { at: { path: decodeURIComponent(url.pathname) }, token, certificate: undefined };
  const at = { host: hostOf(url), port: Number(url.port) };
  return { at, token, certificate: url.protocol === "tls:" ? certificate : undefined };
}

/** In a URL, an address of IPv6 stands in brackets. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1");
}

/** Ends this process with all that its tasks started: when its driver was killed, nobody else will. */
function leave({ code, reason, isStuck }: WorkerEnd): void {
  if (reason !== undefined) complain(reason);
  endDescendants({ pid: process.pid, mark: workerMark(process.env) });
  if (!isStuck) process.exit(code);
  complain("a task is in a call of native code that does not return: this process ends with SIGKILL");
  killThisProcess();
}

function complain(text: string): void {
  process.stderr.write(`muster worker: ${text}\n`);
}
