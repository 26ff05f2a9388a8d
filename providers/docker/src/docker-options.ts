import { availableParallelism } from "node:os";
import {
  type ClusterOptions,
  checkEngineChoice,
  checkOptionNames,
  type EngineChoice,
  InvalidOptionError,
  parseBytes,
  withoutCredentials,
} from "@muster/core";
import { ANSWER_MS } from "./ask-engine.ts";
import type { DockerConnection } from "./connect.ts";
import { PULL_IDLE_MS, PULL_POLICIES, type PullPolicy, type RegistryAuth } from "./image.ts";

export interface DockerClusterOptions {
  /** For messages and events. @default "docker" */
  readonly name?: string;
  /** What the containers are made of: any image with Node 22 or newer. @default the run's image (`--image`), else "node:24-bookworm-slim" */
  readonly image?: string;
  /** Whether to get the image from its registry: when it is missing, each time, or never. @default "missing" */
  readonly pull?: PullPolicy;
  /** Who may pull it. @default as for the `docker` command: the login that it has for the image's registry, from its credential helpers, too */
  readonly registryAuth?: RegistryAuth;
  /** Containers to begin with. @default one a core of this machine */
  readonly workers?: number;
  /** Task threads in each. @default 1 */
  readonly threadsPerWorker?: number;
  /** Tasks that one thread runs at once; more than 1 is for tasks that mostly wait. @default 1 */
  readonly tasksPerThread?: number;
  /** Processor time that each container may use, in cores: `1.5`. @default no limit */
  readonly cpus?: number;
  /** Memory that each container may use: bytes, or a text such as `"512MiB"`. @default no limit */
  readonly memory?: number | string;
  /** Heap that each task thread may have: bytes, or a text. @default what Node gives a thread */
  readonly memoryLimit?: number | string;
  /** Abstract resources that each worker has: `{ GPU: 1 }`. @default {} */
  readonly resources?: Readonly<Record<string, number>>;
  /** Environment variables of the containers; `docker inspect` shows them. @default {} */
  readonly env?: Readonly<Record<string, string>>;
  /** As `docker run --volume` takes them: `"/data:/data:ro"`, with paths of the engine's machine. @default [] */
  readonly volumes?: readonly string[];
  /** The network of the containers, which must exist. @default the engine's own bridge; of a driver in a container, its network */
  readonly network?: string;
  /** Labels of the containers, beside Muster's own. @default {} */
  readonly labels?: Readonly<Record<string, string>>;
  /** As whom the workers run: a name or a number of the image. @default the image's user */
  readonly user?: string;
  /** Where the engine is. @default as for the `docker` command: DOCKER_HOST, the current context, or this machine */
  readonly docker?: DockerConnection;
  /** The address of this machine to listen on for workers, when containers reach it by none that can be found out. */
  readonly driverHost?: string;
  /** Milliseconds that a worker has to connect. @default 60000 */
  readonly startTimeoutMs?: number;
  /** Milliseconds that getting the image may take in all. @default 1800000: half an hour */
  readonly pullTimeoutMs?: number;
  /** Milliseconds for which getting the image may make no progress. @default 120000: two minutes */
  readonly pullIdleTimeoutMs?: number;
  /**
   * Milliseconds that the engine has for an answer; what makes, starts or removes a container may take three times as long.
   * @default 20000
   */
  readonly engineTimeoutMs?: number;
  /** Milliseconds that a retired worker has for what it runs. @default Infinity */
  readonly drainTimeoutMs?: number;
  /** Failures to start in a row after which the cluster gives up. @default 3 */
  readonly maxBootFailures?: number;
  /** Milliseconds after which `muster cluster gc` takes what a dead driver left. @default 600000: ten minutes */
  readonly leaseTimeoutMs?: number;
  /**
   * Where driver and workers meet: `"hub"`, in the driver; `"nats"`, at a server of NATS in a container beside the workers,
   * which is gone with the run; or the address of one that is there, for which MUSTER_NATS_… say who this is. @default "hub"
   */
  readonly engine?: EngineChoice;
  /** What the server's container is made of: any image that starts nats-server, 2.10 or newer. @default "nats:2-alpine" */
  readonly natsImage?: string;
}

/** What the provider itself needs, checked. */
export interface DockerSettings {
  readonly image: string | undefined;
  readonly pull: PullPolicy;
  readonly registryAuth: RegistryAuth | undefined;
  readonly nanoCpus: number | undefined;
  /** Bytes. */
  readonly memory: number | undefined;
  readonly volumes: readonly string[];
  readonly network: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly user: string | undefined;
  readonly docker: DockerConnection | undefined;
  readonly driverHost: string | undefined;
  readonly leaseTimeoutMs: number;
  readonly pullIdleTimeoutMs: number;
  readonly engineTimeoutMs: number;
  readonly engine: EngineChoice;
  readonly natsImage: string;
}

const NAMES: readonly (keyof DockerClusterOptions)[] = [
  ...(["name", "image", "pull", "registryAuth", "workers", "threadsPerWorker", "tasksPerThread"] as const),
  ...(["cpus", "memory", "memoryLimit", "resources", "env", "volumes", "network", "labels", "user"] as const),
  ...(["docker", "driverHost", "startTimeoutMs", "pullTimeoutMs", "drainTimeoutMs"] as const),
  ...(["maxBootFailures", "leaseTimeoutMs", "pullIdleTimeoutMs", "engineTimeoutMs"] as const),
  ...(["engine", "natsImage"] as const),
];

/** Milliseconds that a container takes to connect, until the first one was measured. */
const EXPECTED_BOOT_MS = 1000;
const PULL_TIMEOUT_MS = 30 * 60_000;
const NATS_IMAGE = "nats:2-alpine";
const LEASE_TIMEOUT_MS = 10 * 60_000;
/** The engine refuses less. */
const MIN_MEMORY = 6 * 2 ** 20;

/**
 * What the user wrote, as the provider's settings and as options of any cluster; `Cluster` checks those.
 * @throws InvalidOptionError
 */
export function resolveDockerOptions(options: DockerClusterOptions): {
  readonly settings: DockerSettings;
  readonly cluster: Omit<ClusterOptions, "provider">;
} {
  checkOptionNames(options, NAMES, { where: "DockerCluster" });
  const {
    image,
    pull = "missing",
    registryAuth,
    cpus,
    memory,
    volumes = [],
    network,
    labels = {},
    user,
  } = options;
  const { docker, driverHost, leaseTimeoutMs = LEASE_TIMEOUT_MS, pullTimeoutMs, memoryLimit } = options;
  refuseUnless(PULL_POLICIES.includes(pull), "pull", `one of ${PULL_POLICIES.join(", ")}`, pull);
  refuseUnless(
    cpus === undefined || (Number.isFinite(cpus) && cpus > 0),
    "cpus",
    "a number of cores above 0",
    cpus,
  );
  const memoryBytes = memory === undefined ? undefined : parseBytes(memory, "memory");
  refuseUnless(memoryBytes === undefined || memoryBytes >= MIN_MEMORY, "memory", "at least 6 MiB", memory);
  const { pullIdleTimeoutMs = PULL_IDLE_MS, engineTimeoutMs = ANSWER_MS } = options;
  refuseUnless(pullIdleTimeoutMs >= 1, "pullIdleTimeoutMs", "at least 1", pullIdleTimeoutMs);
  refuseUnless(engineTimeoutMs >= 1, "engineTimeoutMs", "at least 1", engineTimeoutMs);
  refuseUnless(leaseTimeoutMs >= 1000, "leaseTimeoutMs", "at least 1000", leaseTimeoutMs);
  refuseUnless(
    Array.isArray(volumes) && volumes.every((one) => typeof one === "string"),
    "volumes",
    'a list such as ["/data:/data:ro"]',
    volumes,
  );
  const engine = checkEngineChoice(options.engine);
  refuseUnless(
    network === "host" || !isLoopback(engine),
    "engine",
    "a server of NATS that containers reach, which do not see this machine's loopback interface",
    withoutCredentials(engine),
  );
  refuseUnless(
    options.natsImage === undefined || engine === "nats",
    "natsImage",
    'left out unless engine is "nats"',
    options.natsImage,
  );
  return {
    settings: {
      image,
      pull,
      registryAuth: registryAuth && { ...registryAuth },
      nanoCpus: cpus === undefined ? undefined : Math.round(cpus * 1e9),
      memory: memoryBytes,
      volumes: [...volumes],
      network,
      labels: { ...labels },
      user,
      docker,
      driverHost,
      leaseTimeoutMs,
      pullIdleTimeoutMs,
      engineTimeoutMs,
      engine,
      natsImage: options.natsImage ?? NATS_IMAGE,
    },
    cluster: {
      name: options.name,
      workers: options.workers ?? availableParallelism(),
      threadsPerWorker: options.threadsPerWorker,
      tasksPerThread: options.tasksPerThread,
      resources: options.resources,
      env: options.env,
      memoryLimit: memoryLimit === undefined ? undefined : parseBytes(memoryLimit, "memoryLimit"),
      startTimeoutMs: options.startTimeoutMs,
      openTimeoutMs: pullTimeoutMs ?? PULL_TIMEOUT_MS,
      drainTimeoutMs: options.drainTimeoutMs,
      maxBootFailures: options.maxBootFailures,
      expectedBootMs: EXPECTED_BOOT_MS,
    },
  };
}

/** Whether none of an engine's addresses leads anywhere else. */
function isLoopback(engine: EngineChoice): boolean {
  return withoutCredentials(engine)
    .split(",")
    .every((address) => /^\w+:\/\/(localhost|127\.[\d.]+|\[::1\])(:\d+)?\/?$/.test(address.trim()));
}

function refuseUnless(fits: boolean, option: string, wanted: string, value: unknown): void {
  if (fits) return;
  throw new InvalidOptionError(option, `${option} must be ${wanted}, but it is ${JSON.stringify(value)}.`);
}
