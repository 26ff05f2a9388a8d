import { Cluster } from "@muster/core";
import { type DockerClusterOptions, resolveDockerOptions } from "./docker-options.ts";
import { DockerProvider } from "./docker-provider.ts";

/**
 * Workers as containers of a Docker engine. They dial out to the driver; no port of a container is published.
 * Any image with Node 22 or newer will do: what else a worker needs is brought along.
 */
export class DockerCluster extends Cluster {
  /** @throws InvalidOptionError */
  constructor(options: DockerClusterOptions = {}) {
    const { settings, cluster } = resolveDockerOptions(options);
    super({ ...cluster, provider: new DockerProvider(settings) });
  }
}
