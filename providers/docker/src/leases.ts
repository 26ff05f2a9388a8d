import type { Lease, LeaseKeeper } from "@muster/core";
import type Docker from "dockerode";
import { addressOf, connectEngine, type DockerConnection } from "./connect.ts";
import { engineError, isGone } from "./engine-errors.ts";
import { LABEL } from "./labels.ts";
import { readLease } from "./lease-file.ts";

/**
 * The containers of all runs on one engine.
 *
 * The engine cannot change a label, so a container's lease is a file in it, which its driver puts there anew from
 * time to time (the engine does so for running containers as well as for others). It holds for as long as the label
 * `muster.lease-ms` says, from the time of that file; before there is one, from when the container was made.
 * Both times are the engine's own, so nobody's clock has to be right, and whoever may use the engine can judge.
 */
export class DockerLeases implements LeaseKeeper {
  readonly name = "docker";
  readonly #connection: DockerConnection | undefined;
  #engine: Docker | undefined;

  /** @param connection as for `DockerCluster` */
  constructor(connection?: DockerConnection) {
    this.#connection = connection;
  }

  async list(): Promise<readonly Lease[]> {
    try {
      const docker = this.#docker;
      const [containers, { SystemTime }] = await Promise.all([
        docker.listContainers({ all: true, filters: { label: [LABEL.leaseMs] } }),
        docker.info() as Promise<{ SystemTime: string }>,
      ]);
      const now = Date.parse(SystemTime);
      const leases = await Promise.all(containers.map((container) => this.#leaseOf(container, now)));
      return leases.filter((lease) => lease !== undefined);
    } catch (error) {
      throw engineError(error, addressOf(this.#docker));
    }
  }

  async remove({ id }: Lease): Promise<void> {
    try {
      await this.#docker.getContainer(id).remove({ force: true, v: true });
    } catch (error) {
      if (!isGone(error)) throw engineError(error, addressOf(this.#docker));
    }
  }

  get #docker(): Docker {
    this.#engine ??= connectEngine(this.#connection);
    return this.#engine;
  }

  async #leaseOf(container: Docker.ContainerInfo, now: number): Promise<Lease | undefined> {
    const { Id: id, Labels: labels, State: state, Names: names, Created: createdSeconds } = container;
    const createdAt = createdSeconds * 1000;
    let renewedAt: number;
    try {
      renewedAt = (await this.#renewedAt(id)) ?? createdAt;
    } catch (error) {
      // It ended meanwhile.
      if (isGone(error)) return undefined;
      throw error;
    }
    return {
      id,
      what: `container ${names[0]?.replace(/^\//, "") ?? id.slice(0, 12)}`,
      runId: labels[LABEL.run] ?? "",
      flowName: labels[LABEL.flow] ?? "",
      worker: labels[LABEL.worker],
      state,
      ageMs: now - createdAt,
      // A lease is written with whole seconds: in doubt it holds.
      expiresInMs: renewedAt + 1000 + Number(labels[LABEL.leaseMs]) - now,
    };
  }

  async #renewedAt(id: string): Promise<number | undefined> {
    const container = this.#docker.getContainer(id);
    try {
      return (await readLease(container)).getTime();
    } catch (error) {
      if (!isGone(error)) throw error;
      // The file is not there, or the container is not.
      await container.inspect();
      return undefined;
    }
  }
}
