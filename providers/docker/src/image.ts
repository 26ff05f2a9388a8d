import { MusterError } from "@muster/core";
import type Docker from "dockerode";
import { askEngine, SilentEngineError } from "./ask-engine.ts";
import { engineError, statusOf, wordsOf } from "./engine-errors.ts";
import { DOCKER_HUB, type FoundLogin, findLogin } from "./registry-login.ts";

/** `missing`: only when the engine does not have it. `always`: also to get a newer one. `never`: it must be there. */
export const PULL_POLICIES = ["missing", "always", "never"] as const;
export type PullPolicy = (typeof PULL_POLICIES)[number];

/** Who may pull from a registry. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  /** @default "https://index.docker.io/v1/" */
  readonly serveraddress?: string;
}

/** What the provider needs to know of an image. */
export interface ImageFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ImageOptions {
  readonly image: string;
  readonly pull: PullPolicy;
  readonly registryAuth: RegistryAuth | undefined;
  /** Where the engine is, for messages. */
  readonly address: string;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
  /** Milliseconds that the engine has for an answer. */
  readonly engineTimeoutMs?: number;
  /** Milliseconds for which a pull may make no progress. @default 120000 */
  readonly pullIdleTimeoutMs?: number;
}

/** A registry may think for a minute, and a slow disk over a large layer. */
export const PULL_IDLE_MS = 120_000;

/**
 * Makes sure that the engine has the image, and says how it goes.
 * @throws MusterError `CLUSTER_START` when it cannot be had
 */
export async function provideImage(docker: Docker, options: ImageOptions): Promise<ImageFacts> {
  const { image, pull, address } = options;
  const present = pull === "always" ? undefined : await findImage(docker, options);
  if (present !== undefined) return present;
  if (pull === "never") {
    throw new MusterError(
      "CLUSTER_START",
      `The Docker engine at ${address} has no image "${image}", and pull is "never": "docker pull ${image}" gets it.`,
    );
  }
  await pullImage(docker, options);
  const pulled = await findImage(docker, options);
  if (pulled !== undefined) return pulled;
  throw new MusterError("CLUSTER_START", `The image "${image}" was pulled, and is not there.`);
}

async function findImage(
  docker: Docker,
  { image, address, signal, engineTimeoutMs: timeoutMs }: ImageOptions,
): Promise<ImageFacts | undefined> {
  const inspect = (asked: Docker) => asked.getImage(image).inspect();
  try {
    const patience = { timeoutMs, signal };
    const { Config: config } = await askEngine(docker, `show its image "${image}"`, inspect, patience);
    return { name: image, labels: config?.Labels ?? {} };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw engineError(error, address);
  }
}

async function pullImage(docker: Docker, options: ImageOptions): Promise<void> {
  const { image, registryAuth, signal, log } = options;
  const found = registryAuth === undefined ? await findLogin(image, { signal }) : undefined;
  const authconfig = found?.login ?? (registryAuth && { serveraddress: DOCKER_HUB, ...registryAuth });
  log(
    `Pulling the image ${image}.${found?.problem === undefined ? "" : ` As nobody, since ${found.problem}.`}`,
  );
  try {
    await followPull(docker, authconfig, options);
  } catch (error) {
    throw pullError(error, found, options);
  }
}

/** Waits as long as there is progress: a large image takes its time. */
async function followPull(
  docker: Docker,
  authconfig: object | undefined,
  { image, signal, log, pullIdleTimeoutMs = PULL_IDLE_MS }: ImageOptions,
): Promise<void> {
  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  over.catch(() => undefined);
  const idle = setTimeout(
    () => reject(new SilentEngineError(docker, `go on with pulling "${image}"`, pullIdleTimeoutMs)),
    pullIdleTimeoutMs,
  );
  const cancel = (): void => reject(signal.reason);
  signal.addEventListener("abort", cancel, { once: true });
  const ends = new AbortController();
  try {
    const begin = (asked: Docker) => asked.pull(nameWithTag(image), { authconfig });
    const patience = { timeoutMs: pullIdleTimeoutMs, signal: AbortSignal.any([signal, ends.signal]) };
    const stream = await askEngine(docker, `pull "${image}"`, begin, patience);
    const progress = new PullProgress((text) => log(`Pulling ${image}: ${text}.`));
    let refusal: Error | undefined;
    docker.modem.followProgress(
      stream,
      (broken: Error | null) => {
        const error = broken ?? refusal;
        if (error === undefined) resolve();
        else reject(error);
      },
      (step: PullStep) => {
        // Once the engine has begun to answer, this is its only way to say that it failed.
        if (step.error !== undefined) refusal = new Error(step.error);
        if (progress.step(step)) idle.refresh();
      },
    );
    await over;
  } finally {
    clearTimeout(idle);
    signal.removeEventListener("abort", cancel);
    ends.abort();
  }
}

/** Without a tag the engine would pull them all. */
function nameWithTag(image: string): string {
  return /[:@][^/]*$/.test(image) ? image : `${image}:latest`;
}

function pullError(
  error: unknown,
  found: FoundLogin | undefined,
  { image, address }: ImageOptions,
): MusterError {
  if (error instanceof MusterError) return error;
  const words = wordsOf(error);
  if (/no space left on device/i.test(words)) return engineError(error, address);
  const hint = /unauthorized|denied|authentication|no basic auth credentials/i.test(words)
    ? whyDenied(found)
    : "check its name, and that the engine reaches the registry";
  return new MusterError("CLUSTER_START", `The image "${image}" cannot be pulled: ${hint} (${words}).`, {
    cause: error,
  });
}

/** @param found undefined when the user said who pulls */
function whyDenied(found: FoundLogin | undefined): string {
  if (found === undefined) return "check its name, and that registryAuth may pull it";
  const { registry, login, problem } = found;
  if (problem !== undefined) return problem;
  return login === undefined
    ? `check its name; if it is a private one, "docker login ${registry}" on this machine, or give registryAuth`
    : `check its name, and that the login for ${registry} of this machine may pull it: "docker login ${registry}" renews it`;
}

interface PullStep {
  readonly error?: string;
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

/** A line about a pull is written at most so often, in milliseconds. */
const TELL_EVERY_MS = 2000;

/** Sums up what the engine tells of each layer. */
class PullProgress {
  readonly #tell: (text: string) => void;
  readonly #layers = new Map<string, { current: number; total: number; done: boolean }>();
  /** What was told last of each layer. */
  readonly #last = new Map<string, string>();
  #toldAt = performance.now();

  constructor(tell: (text: string) => void) {
    this.#tell = tell;
  }

  /** Whether it is any progress, rather than the same again. */
  step(step: PullStep): boolean {
    this.#sum(step);
    const { id = "", status = "", progressDetail } = step;
    const told = JSON.stringify([status, progressDetail]);
    if (this.#last.get(id) === told) return false;
    this.#last.set(id, told);
    return true;
  }

  #sum({ id, status = "", progressDetail }: PullStep): void {
    if (id === undefined || !LAYER_STATUS.test(status)) return;
    const layer = this.#layers.get(id) ?? { current: 0, total: 0, done: false };
    this.#layers.set(id, layer);
    if (status === "Downloading") {
      layer.current = progressDetail?.current ?? layer.current;
      layer.total = progressDetail?.total ?? layer.total;
    }
    layer.done ||= status === "Pull complete" || status === "Already exists";
    if (performance.now() - this.#toldAt < TELL_EVERY_MS) return;
    this.#toldAt = performance.now();
    const layers = [...this.#layers.values()];
    const megabytes = (count: "current" | "total"): string =>
      (layers.reduce((sum, one) => sum + one[count], 0) / 1e6).toFixed(0);
    const done = layers.filter((one) => one.done).length;
    this.#tell(`${done} of ${layers.length} layers, ${megabytes("current")} of ${megabytes("total")} MB`);
  }
}

const LAYER_STATUS =
  /^(Pulling fs layer|Waiting|Downloading|Verifying Checksum|Download complete|Extracting|Pull complete|Already exists)$/;
