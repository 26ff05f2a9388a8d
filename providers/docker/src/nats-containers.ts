import { type EngineEndpoint, MusterError, NatsServerSetup, withDeadline } from "@muster/core";
import type Docker from "dockerode";
import { WORK_FACTOR } from "./ask-engine.ts";
import { explain } from "./engine-errors.ts";
import { fileArchive } from "./file-archive.ts";
import type { EnginePlacement } from "./hub-address.ts";
import { LABEL } from "./labels.ts";
import { NATS_KEEPER } from "./nats-keeper.ts";
import type { WorkerContainer } from "./worker-container.ts";

export interface NatsContainersOptions {
  readonly runId: string;
  /** Of the server: any one that starts nats-server. */
  readonly image: string;
  /** Of the container beside it: any one with Node. */
  readonly keeperImage: string;
  readonly placement: EnginePlacement;
  readonly labels: Readonly<Record<string, string>>;
  /** What a container is called, from what it is in its run. */
  readonly nameOf: (what: string) => string;
  readonly ask: <T>(
    what: string,
    question: (docker: Docker) => Promise<T>,
    options?: { readonly factor?: number },
  ) => Promise<T>;
  readonly containerOf: (what: string, containerId: string) => WorkerContainer;
  /** Where the engine is, for messages. */
  readonly address: string;
  readonly signal: AbortSignal;
}

/** Whom the server runs as, and whose its files are: nobody. */
const NOBODY = 65_534;
const DIRECTORY = "muster-nats";
const PORT = 4222;
/** Milliseconds that the server has to begin to listen. */
const START_MS = 30_000;
const LAST_LINES = 5;
const WHICH_IMAGE = 'natsImage must be one that starts nats-server, as "nats:2-alpine" does.';

/**
 * A server of NATS for a run in a container, and the one beside it that ends it when nobody is connected any more. What is
 * left half-way when this fails carries the labels, by which the provider finds it at its close.
 */
export class NatsContainers {
  readonly #options: NatsContainersOptions;
  readonly #containers: WorkerContainer[] = [];

  constructor(options: NatsContainersOptions) {
    this.#options = options;
  }

  /** Those that are there, for their leases. */
  get running(): readonly WorkerContainer[] {
    return this.#containers.filter(({ isOver }) => !isOver);
  }

  /** @throws MusterError `CLUSTER_START` that says why there is no server */
  async start(): Promise<EngineEndpoint> {
    try {
      return await this.#start();
    } catch (error) {
      if (error instanceof MusterError) throw error;
      const { image, address } = this.#options;
      throw new MusterError(
        "CLUSTER_START",
        `The server of NATS cannot be started in a container of the image "${image}": ${explain(error, address)}. ${WHICH_IMAGE}`,
        { cause: error },
      );
    }
  }

  async #start(): Promise<EngineEndpoint> {
    const { runId, placement, signal } = this.#options;
    const isOnHost = placement.network === "host";
    const listen = isOnHost ? "127.0.0.1:-1" : `0.0.0.0:${PORT}`;
    const setup = new NatsServerSetup({ runId, listen, directory: `/${DIRECTORY}` });
    const keeper = await this.#make("nats-keeper", this.#keeperOptions());
    const [server] = await Promise.all([this.#makeServer(keeper, setup), keeper.start(Buffer.alloc(0))]);
    signal.throwIfAborted();
    await server.start(Buffer.alloc(0));
    const port = await this.#listening(server);
    keeper.write(`${port}\n`);
    const address = isOnHost ? `tls://127.0.0.1:${port}` : await this.#addressOf(keeper);
    return { address, token: "", nats: setup.env, isOwnServer: true };
  }

  async #makeServer(keeper: WorkerContainer, setup: NatsServerSetup): Promise<WorkerContainer> {
    const { image } = this.#options;
    const beside = `container:${keeper.containerId}`;
    const server = await this.#make("nats", {
      Image: image,
      User: `${NOBODY}:${NOBODY}`,
      Cmd: ["--config", `/${DIRECTORY}/nats.conf`],
      HostConfig: {
        AutoRemove: true,
        NetworkMode: beside,
        PidMode: beside,
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges"],
      },
    });
    const files = Object.entries(setup.files).map(([name, content]) => ({
      path: `${DIRECTORY}/${name}`,
      mode: 0o600,
      owner: NOBODY,
      content: Buffer.from(content),
    }));
    const archive = fileArchive([{ path: `${DIRECTORY}/`, mode: 0o700, owner: NOBODY }, ...files]);
    const put = (docker: Docker) =>
      docker.getContainer(server.containerId).putArchive(archive, { path: "/" });
    await this.#options.ask("put files into the container of the server of NATS", put, {
      factor: WORK_FACTOR,
    });
    return server;
  }

  #keeperOptions(): Docker.ContainerCreateOptions {
    const { keeperImage, placement } = this.#options;
    const port = `${PORT}/tcp`;
    // A port of the engine's own machine, for a driver that has no way into the containers' network.
    const published = placement.reachesContainers
      ? {}
      : { PortBindings: { [port]: [{ HostIp: "127.0.0.1", HostPort: "" }] } };
    return {
      Image: keeperImage,
      User: `${NOBODY}:${NOBODY}`,
      Entrypoint: ["node", "--eval", NATS_KEEPER],
      Cmd: [],
      OpenStdin: true,
      StdinOnce: true,
      ...(placement.reachesContainers ? {} : { ExposedPorts: { [port]: {} } }),
      HostConfig: { AutoRemove: true, Init: true, NetworkMode: placement.network, ...published },
    };
  }

  async #make(what: string, options: Docker.ContainerCreateOptions): Promise<WorkerContainer> {
    const { labels, nameOf, ask, containerOf, signal } = this.#options;
    // The signal ends nothing that is under way: what the engine made after that, nobody would know.
    signal.throwIfAborted();
    const all = { ...options, name: nameOf(what), Labels: { ...labels, [LABEL.part]: what } };
    const create = (docker: Docker) => docker.createContainer(all);
    const { id } = await ask(`create the container of the server of NATS`, create, { factor: WORK_FACTOR });
    const container = containerOf(what, id);
    this.#containers.push(container);
    return container;
  }

  /** The port on which it listens, once it does. */
  async #listening(server: WorkerContainer): Promise<number> {
    const { signal, image } = this.#options;
    const ending = new AbortController();
    const lines = server.log.follow(AbortSignal.any([signal, ending.signal]));
    const reading = (async () => {
      let port = 0;
      for await (const line of lines) {
        port ||= Number(/Listening for client connections on \S+:(\d+)/.exec(line)?.[1] ?? 0);
        if (line.endsWith("Server is ready")) return port;
      }
      throw new Error("it ended");
    })();
    try {
      return await withDeadline(reading, "Its start", { timeoutMs: START_MS, signal });
    } catch (error) {
      if (signal.aborted) throw error;
      const why = (error as Error).message.replace(/\.$/, "");
      const last = server.log.last(LAST_LINES).map((line) => line.replace(/^\[\d+\] [\d/]+ [\d:.]+ /, ""));
      const said = last.length === 0 ? "It printed nothing." : `Its last lines: ${last.join(" | ")}.`;
      throw new MusterError(
        "CLUSTER_START",
        `The server of NATS in a container of the image "${image}" does not run: ${why}. ${said} ${WHICH_IMAGE}`,
        { cause: error },
      );
    } finally {
      ending.abort();
    }
  }

  /** Where workers find it, which are in the same network; and where the driver does. */
  async #addressOf(keeper: WorkerContainer): Promise<string> {
    const inspect = (docker: Docker) => docker.getContainer(keeper.containerId).inspect();
    const { NetworkSettings: settings } = await this.#options.ask(
      "show the container of the server of NATS",
      inspect,
    );
    const own = Object.values(settings.Networks).find(({ IPAddress }) => IPAddress !== "")?.IPAddress;
    const published = settings.Ports[`${PORT}/tcp`]?.[0]?.HostPort;
    const all = [
      ...(own === undefined ? [] : [`tls://${own}:${PORT}`]),
      ...(published === undefined ? [] : [`tls://127.0.0.1:${published}`]),
    ];
    return all.join(",");
  }
}
