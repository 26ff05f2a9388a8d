import { dirname } from "node:path";
import type { WorkerSettings } from "../contracts/worker-env.ts";
import { Channel } from "../wire/channel.ts";
import { type DialTarget, dial } from "../wire/dial.ts";
import { type DriverPulse, ProcessPulse, SocketPulse } from "./driver-pulse.ts";
import type { EngineWay } from "./engine-way.ts";
import { WorkerBlobs } from "./worker-blobs.ts";

/**
 * The way to an engine that is a server in the driver: a connection for the worker, and one for each of its threads,
 * which no other thread has a part in.
 * @throws Error for what is no address
 */
export function directWay(settings: WorkerSettings): EngineWay {
  const url = parseAddress(settings);
  const target = targetOf(url, settings);
  return {
    pulse: pulseOf(url, target),
    engineDirectory: url.protocol === "unix:" ? dirname(decodeURIComponent(url.pathname)) : undefined,
    connect: (listener) => new Channel(dial(target), listener),
    threadLink: () => ({ kind: "dial", target }),
    laneEnded() {},
    openBlobs: (channel, offer) => WorkerBlobs.open(channel, offer),
    async close() {},
  };
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
