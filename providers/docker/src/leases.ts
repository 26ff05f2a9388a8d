import { fateOf, type Lease, type LeaseKeeper } from "@muster/core";
import type Docker from "dockerode";
import { ANSWER_MS, askEngine, WORK_FACTOR } from "./ask-engine.ts";
import { addressOf, connectEngine, type DockerConnection } from "./connect.ts";
import { engineError, isGone } from "./engine-errors.ts";
import { infoOf } from "./engine-info.ts";
import { LABEL } from "./labels.ts";
import { readLease } from "./lease-file.ts";

/**
 * The containers of all runs on one engine.
 *
 * The engine cannot change a label, so a container's lease is a file in it, which its driver puts there anew from
 * time to time (the engine does so for running containers as well as for others, and for those that are paused). It holds
 * for as long as the label `muster.lease-ms` says, from the time of that file; before there is one, from when the container
 * was made. Both times are the engine's own; but that clock may be set, too. So what seems to have expired is judged by its
 * driver's process, if that is one of this machine, and else by whether the file changes while it is watched.
 */
export class DockerLeases implements LeaseKeeper {
  readonly name = "docker";
  readonly #connection: DockerConnection | undefined;
  #engine: Docker | undefined;

  readonly #engineTimeoutMs: number;

  /**
   * @param connection as for `DockerCluster`
   * @param options.engineTimeoutMs milliseconds that the engine has for an answer @default 20000
   */
  constructor(connection?: DockerConnection, options: { readonly engineTimeoutMs?: number } = {}) {
    this.#connection = connection;
    this.#engineTimeoutMs = options.engineTimeoutMs ?? ANSWER_MS;
  }

  async list(): Promise<readonly Lease[]> {
    try {
      const [containers, { SystemTime }] = await Promise.all([
        this.#ask("list its containers", (docker) =>
          docker.listContainers({ all: true, filters: { label: [LABEL.leaseMs] } }),
        ),
        this.#ask("tell its time", infoOf),
      ]);
      const now = Date.parse(SystemTime);
      const leases = await Promise.all(containers.map((container) => this.#leaseOf(container, now)));
      return leases.filter((lease) => lease !== undefined);
    } catch (error) {
      throw engineError(error, addressOf(this.#docker));
    }
  }

  async remove({ id }: Lease): Promise<void> {
    const remove = (docker: Docker) => docker.getContainer(id).remove({ force: true, v: true });
    try {
      await this.#ask(`remove the container ${id.slice(0, 12)}`, remove, WORK_FACTOR);
    } catch (error) {
      if (!isGone(error)) throw engineError(error, addressOf(this.#docker));
    }
  }

  #ask<T>(what: string, question: (docker: Docker) => Promise<T>, factor = 1): Promise<T> {
    return askEngine(this.#docker, what, question, { timeoutMs: this.#engineTimeoutMs * factor });
  }

  get #docker(): Docker {
    this.#engine ??= connectEngine(this.#connection);
    return this.#engine;
  }

  async #leaseOf(container: Docker.ContainerInfo, now: number): Promise<Lease | undefined> {
    const { Id: id, Labels: labels, State: state, Names: names, Created: createdSeconds } = container;
    const createdAt = createdSeconds * 1000;
    let renewed: Awaited<ReturnType<typeof readLease>> | undefined;
    try {
      renewed = await this.#renewalOf(id);
    } catch (error) {
      // It ended meanwhile.
      if (isGone(error)) return undefined;
      throw error;
    }
    const leaseMs = Number(labels[LABEL.leaseMs]);
    const ageMs = now - (renewed?.at.getTime() ?? createdAt);
    return {
      id,
      what: `container ${names[0]?.replace(/^\//, "") ?? id.slice(0, 12)}`,
      runId: labels[LABEL.run] ?? "",
      flowName: labels[LABEL.flow] ?? "",
      worker: labels[LABEL.worker],
      state,
      ageMs: Math.max(now - createdAt, 0),
      // A lease is written with whole seconds: in doubt it holds. One from far in the future says that a clock was set.
      expiresInMs: Math.abs(ageMs) > leaseMs + 1000 ? -Math.abs(ageMs) + leaseMs : leaseMs + 1000 - ageMs,
      driver: fateOf(labels[LABEL.driver] ?? ""),
      renewal: { mark: renewed?.mark ?? "", withinMs: leaseMs },
    };
  }

  async #renewalOf(id: string): Promise<Awaited<ReturnType<typeof readLease>> | undefined> {
    const what = `show the lease of the container ${id.slice(0, 12)}`;
    try {
      return await this.#ask(what, (docker) => readLease(docker.getContainer(id)));
    } catch (error) {
      if (!isGone(error)) throw error;
      // The file is not there, or the container is not.
      await this.#ask(what, (docker) => docker.getContainer(id).inspect());
      return undefined;
    }
  }
}
