import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { type HubAddress, MusterError } from "@muster/core";
import type Docker from "dockerode";
import { type AskOptions, askEngine } from "./ask-engine.ts";
import { engineError, statusOf } from "./engine-errors.ts";
import { infoOf } from "./engine-info.ts";

/** Where workers run and where they find the driver. */
export interface Placement {
  readonly hub: HubAddress;
  /** What containers are made with as `NetworkMode`. */
  readonly network: string;
}

export interface PlacementOptions {
  /** The user's `network`. */
  readonly network: string | undefined;
  /** The user's `driverHost`. */
  readonly driverHost: string | undefined;
  /** Where the engine is, for messages. */
  readonly address: string;
  /** For each question to the engine. */
  readonly patience?: AskOptions;
}

/** Where workers run that do not have to find the driver: both dial out to a server of NATS. */
export interface EnginePlacement {
  /** What containers are made with as `NetworkMode`. */
  readonly network: string;
  /** Whether the driver is known to reach containers by their own addresses. */
  readonly reachesContainers: boolean;
}

type Network = Docker.NetworkInspectInfo;

/**
 * Finds the one address of the driver that containers of this engine reach:
 * - a driver beside the engine, on Linux: the gateway of the containers' network;
 * - Docker Desktop, whose engine is a virtual machine: `host.docker.internal`, which leads to the loopback interface;
 * - a driver that is a container of this engine itself: its address in a network that the workers then join.
 * @throws MusterError `CLUSTER_START` when none of these holds and the user gave no `driverHost`
 */
export async function placeWorkers(docker: Docker, options: PlacementOptions): Promise<Placement> {
  const { driverHost, address, patience } = options;
  const wanted = options.network ?? "bridge";
  // A container that shares the network of its machine, which is the driver's too, unless the engine is elsewhere.
  if (wanted === "host") return { hub: { listen: driverHost ?? "127.0.0.1" }, network: wanted };
  const network = await inspectNetwork(docker, wanted, options);
  if (driverHost !== undefined) return { hub: { listen: driverHost }, network: wanted };
  const gateway = gatewayOf(network);
  if (gateway !== undefined && (await isOurs(gateway))) return { hub: { listen: gateway }, network: wanted };
  const own = await ownContainer(docker, patience);
  if (own !== undefined) return besideDriver(own, options.network);
  const { OperatingSystem: system } = await askEngine(docker, "tell about itself", infoOf, patience);
  if (/Docker Desktop/i.test(system))
    return { hub: { listen: "127.0.0.1", dial: "host.docker.internal" }, network: wanted };
  throw new MusterError(
    "CLUSTER_START",
    `Containers of the Docker engine at ${address} have no known way to this machine: set driverHost to the address of this machine that they reach (the gateway ${gateway ?? "of their network"} is not here).`,
  );
}

/** The same where driver and workers meet elsewhere: any engine will do, wherever it is. */
export async function placeBesideEngine(docker: Docker, options: PlacementOptions): Promise<EnginePlacement> {
  const wanted = options.network ?? "bridge";
  if (wanted === "host") return { network: wanted, reachesContainers: true };
  const gateway = gatewayOf(await inspectNetwork(docker, wanted, options));
  if (gateway !== undefined && (await isOurs(gateway))) return { network: wanted, reachesContainers: true };
  const own = await ownContainer(docker, options.patience);
  const shared = own && sharedNetwork(own, options.network);
  return shared === undefined
    ? { network: wanted, reachesContainers: false }
    : { network: shared.network, reachesContainers: true };
}

async function inspectNetwork(
  docker: Docker,
  name: string,
  { address, patience }: PlacementOptions,
): Promise<Network> {
  const inspect = (asked: Docker) => asked.getNetwork(name).inspect() as Promise<Network>;
  try {
    return await askEngine(docker, `show its network "${name}"`, inspect, patience);
  } catch (error) {
    throw engineError(error, address);
  }
}

/**
 * The address of the engine's machine in that network. Of the default bridge, older engines do not tell it: then it is
 * that of the bridge itself, which Node only sees while containers use it, or the first one of the network.
 */
function gatewayOf(network: Network): string | undefined {
  const configs = network.IPAM?.Config ?? [];
  const told = configs.map(({ Gateway }) => Gateway).find((gateway) => gateway?.includes("."));
  if (told !== undefined) return told;
  const bridge = network.Options?.["com.docker.network.bridge.name"] ?? "";
  const seen = networkInterfaces()[bridge]?.find(({ family }) => family === "IPv4")?.address;
  if (seen !== undefined) return seen;
  const subnet = configs.map(({ Subnet }) => Subnet).find((one) => one?.includes("."));
  return subnet?.replace(/\d+\/\d+$/, "1");
}

/** Whether an address is one of this machine's, also of an interface that nobody uses yet. */
function isOurs(address: string): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(0, address, () => server.close(() => resolve(true)));
  });
}

/** The container that this process runs in, if it is one of this engine: its host name is its id, unless it was set. */
async function ownContainer(
  docker: Docker,
  patience: AskOptions | undefined,
): Promise<Docker.ContainerInspectInfo | undefined> {
  if (!existsSync("/.dockerenv")) return undefined;
  const inspect = (asked: Docker) => asked.getContainer(hostname()).inspect();
  try {
    return await askEngine(docker, "show the container that this program runs in", inspect, patience);
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

function besideDriver(own: Docker.ContainerInspectInfo, wanted: string | undefined): Placement {
  const shared = sharedNetwork(own, wanted);
  if (shared !== undefined) return { hub: { listen: shared.address }, network: shared.network };
  const names = Object.keys(own.NetworkSettings.Networks).join(", ") || "none";
  throw new MusterError(
    "CLUSTER_START",
    `The driver runs in a container that is not in the network "${wanted ?? "bridge"}", so workers there cannot reach it: connect it, or choose one of its own networks (${names}).`,
  );
}

/** A network of the driver's container, preferably one that somebody made, and its address there. */
function sharedNetwork(
  own: Docker.ContainerInspectInfo,
  wanted: string | undefined,
): { readonly network: string; readonly address: string } | undefined {
  const networks = Object.entries(own.NetworkSettings.Networks);
  const [network, facts] =
    networks.find(([name]) => (wanted === undefined ? name !== "bridge" : name === wanted)) ??
    (wanted === undefined ? networks[0] : undefined) ??
    [];
  return network !== undefined && facts?.IPAddress ? { network, address: facts.IPAddress } : undefined;
}
