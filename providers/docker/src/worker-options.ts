import type Docker from "dockerode";
import { BOOTSTRAP } from "./bootstrap.ts";
import type { DockerSettings } from "./docker-options.ts";
import { LABEL } from "./labels.ts";

/** Room for large values, in bytes: memory that only counts when it is used. Docker's own default is 64 MiB. */
const SHARED_MEMORY = 2 * 2 ** 30;

/** What a worker's container is made with. */
export function workerOptions(
  id: string,
  given: {
    readonly settings: DockerSettings;
    readonly name: string;
    readonly image: string;
    readonly network: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly env: Readonly<Record<string, string>>;
  },
): Docker.ContainerCreateOptions {
  const { name, image, network, labels, env } = given;
  const { user, nanoCpus, memory, volumes } = given.settings;
  return {
    name,
    Image: image,
    Entrypoint: ["node", "--eval", BOOTSTRAP],
    Cmd: [],
    OpenStdin: true,
    StdinOnce: true,
    User: user,
    Env: Object.entries(env).map(([variable, value]) => `${variable}=${value}`),
    Labels: { ...labels, [LABEL.worker]: id },
    HostConfig: {
      // Nothing is left when the worker ends, also when nobody is there any more to remove it.
      AutoRemove: true,
      // So that signals work from the first moment on, and processes that tasks leave behind are ended.
      Init: true,
      NetworkMode: network,
      Binds: [...volumes],
      NanoCpus: nanoCpus,
      Memory: memory,
      // No swap on top: a worker that wants too much is ended, rather than slow for ever.
      MemorySwap: memory,
      ShmSize: memory === undefined ? SHARED_MEMORY : undefined,
    },
  };
}
