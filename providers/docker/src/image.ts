import { MusterError } from "@muster/core";
import type Docker from "dockerode";
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
}

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
  { image, address }: Pick<ImageOptions, "image" | "address">,
): Promise<ImageFacts | undefined> {
  try {
    const { Config: config } = await docker.getImage(image).inspect();
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
    const stream = await docker.pull(nameWithTag(image), { authconfig, abortSignal: signal });
    const progress = new PullProgress((text) => log(`Pulling ${image}: ${text}.`));
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => void (stream as NodeJS.ReadableStream & { destroy(): void }).destroy();
      signal.addEventListener("abort", stop, { once: true });
      let refusal: Error | undefined;
      docker.modem.followProgress(
        stream,
        (broken) => {
          signal.removeEventListener("abort", stop);
          const error = broken ?? refusal;
          if (error === undefined) resolve();
          else reject(error);
        },
        (step: PullStep) => {
          // Once the engine has begun to answer, this is its only way to say that it failed.
          if (step.error !== undefined) refusal = new Error(step.error);
          progress.step(step);
        },
      );
    });
  } catch (error) {
    throw pullError(error, found, options);
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
  #toldAt = performance.now();

  constructor(tell: (text: string) => void) {
    this.#tell = tell;
  }

  step({ id, status = "", progressDetail }: PullStep): void {
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
