import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
  BroughtEngine,
  type EngineEndpoint,
  type HubAddress,
  type LaunchResult,
  type OpenInfo,
  processIdentity,
  StartedWorkers,
  splitSecrets,
  type WorkerId,
  type WorkerObservation,
  type WorkerProvider,
  type WorkerSpec,
  withDeadline,
  workerFile,
} from "@muster/core";
import type Docker from "dockerode";
import { askEngine, WORK_FACTOR } from "./ask-engine.ts";
import { bootstrapInput } from "./bootstrap.ts";
import { addressOf, connectEngine } from "./connect.ts";
import type { DockerSettings } from "./docker-options.ts";
import { engineError, explain, isPermanent } from "./engine-errors.ts";
import { engineEvents } from "./engine-events.ts";
import { infoOf } from "./engine-info.ts";
import {
  type EnginePlacement,
  type Placement,
  type PlacementOptions,
  placeBesideEngine,
  placeWorkers,
} from "./hub-address.ts";
import { type ImageFacts, provideImage, type RegistryAuth } from "./image.ts";
import { LABEL } from "./labels.ts";
import { NatsContainers } from "./nats-containers.ts";
import { WorkerContainer } from "./worker-container.ts";
import { workerOptions } from "./worker-options.ts";

const DEFAULT_IMAGE = "node:24-bookworm-slim";
/** Of a label: a request with one that is much longer is refused. */
const MAX_LABEL_LENGTH = 200;
/** Milliseconds that a launch has from the end of the run on: what an engine under load makes later would be left. */
const LAST_LAUNCH_MS = 10_000;
/** If it had no answer, milliseconds that all else has. */
const LAST_ANSWER_MS = 3000;

/** What there is between `open` and `close`. */
interface Opened {
  /** What containers are made with as `NetworkMode`. */
  readonly network: string;
  readonly image: ImageFacts;
  readonly labels: Readonly<Record<string, string>>;
  /** What the engine's clock showed when our own, which is never set, was at zero. */
  readonly engineEpochMs: number;
  /** The worker's file; undefined when the image has the same. */
  readonly worker: Buffer | undefined;
  readonly leaseTimer: NodeJS.Timeout;
  /** Fires when launches that are under way must end. */
  readonly noMoreLaunches: AbortSignal;
}

/** How long to wait for an answer: so many times the usual time. */
interface Patience {
  readonly factor?: number;
  readonly signal?: AbortSignal;
}

/** Workers as containers of a Docker engine. */
export class DockerProvider implements WorkerProvider {
  readonly name = "docker";
  readonly #settings: DockerSettings;
  readonly #clusterId = randomBytes(8).toString("hex");
  readonly #workers = new StartedWorkers<WorkerContainer>();
  #engine: Docker | undefined;
  #placement: Promise<Placement> | undefined;
  #opened: Opened | undefined;
  #nats: { readonly containers: NatsContainers; readonly starting: Promise<EngineEndpoint> } | undefined;
  #renewals = 0;
  #isSilent = false;

  constructor(settings: DockerSettings) {
    this.#settings = settings;
  }

  get bringsEngine(): boolean {
    return this.#settings.engine !== "hub";
  }

  async locateHub(signal?: AbortSignal): Promise<HubAddress> {
    return (await this.#place(signal)).hub;
  }

  async open(run: OpenInfo): Promise<EngineEndpoint | undefined> {
    const { registryAuth, leaseTimeoutMs, labels, engine, natsImage } = this.#settings;
    const { signal } = run;
    const name = this.#settings.image ?? run.image ?? DEFAULT_IMAGE;
    const [placement, image, { SystemTime: engineTime }, worker] = await Promise.all([
      engine === "hub" ? this.#place(signal) : this.#placeBesideEngine(signal),
      this.#provide(name, registryAuth, run),
      this.#explained(this.#ask("tell its time", infoOf, { signal })),
      readFile(workerFile()),
      // It need not come from the workers' registry, so it is nobody's who may pull from there.
      engine === "nats" ? this.#provide(natsImage, undefined, run) : undefined,
    ]);
    const engineEpochMs = Date.parse(engineTime) - performance.now();
    const hash = createHash("sha256").update(worker).digest("hex");
    const leaseTimer = setInterval(() => void this.#renewLeases(), leaseTimeoutMs / 4);
    leaseTimer.unref();
    this.#opened = {
      network: placement.network,
      image,
      labels: {
        ...labels,
        [LABEL.run]: run.runId,
        [LABEL.flow]: run.flowName.slice(0, MAX_LABEL_LENGTH),
        [LABEL.cluster]: this.#clusterId,
        [LABEL.leaseMs]: String(leaseTimeoutMs),
        [LABEL.driver]: processIdentity(),
      },
      engineEpochMs,
      worker: image.labels[LABEL.workerHash] === hash ? undefined : worker,
      leaseTimer,
      noMoreLaunches: soonAfter(signal),
    };
    if (engine === "hub") return undefined;
    return engine === "nats"
      ? await this.#startNats(run, placement as EnginePlacement)
      : await new BroughtEngine(engine).open(run);
  }

  launch(workers: readonly WorkerSpec[]): Promise<readonly LaunchResult[]> {
    return Promise.all(workers.map((worker) => this.#start(worker)));
  }

  async *observe(signal: AbortSignal): AsyncGenerator<WorkerObservation, void> {
    const stop = new AbortController();
    const listening = this.#listen(signal).finally(() => stop.abort());
    // Heard below, after the last observation.
    listening.catch(() => undefined);
    yield* this.#workers.observe(stop.signal);
    await listening;
  }

  terminate(ids: readonly WorkerId[], options: { readonly graceMs: number }): Promise<void> {
    return this.#workers.terminate(ids, options);
  }

  logs(id: WorkerId, signal: AbortSignal): AsyncIterable<string> {
    return this.#workers.logs(id, signal);
  }

  /** Removes containers that were made and are nobody's: a server of NATS, and those whose start failed half-way. */
  async close(): Promise<void> {
    if (this.#opened === undefined) return;
    await this.#nats?.starting.catch(() => undefined);
    clearInterval(this.#opened.leaseTimer);
    const left = await this.#explained(this.#list());
    await Promise.all(left.map((containerId) => this.#container("", containerId).kill()));
  }

  get #docker(): Docker {
    this.#engine ??= connectEngine(this.#settings.docker);
    return this.#engine;
  }

  /** For messages. */
  get #address(): string {
    return addressOf(this.#docker);
  }

  get #filters(): { label: string[] } {
    return { label: [`${LABEL.cluster}=${this.#clusterId}`] };
  }

  #ask<T>(
    what: string,
    question: (docker: Docker) => Promise<T>,
    { factor = 1, signal }: Patience = {},
  ): Promise<T> {
    return askEngine(this.#docker, what, question, { timeoutMs: this.#timeoutMs(factor), signal });
  }

  /** An engine that had no answer at the end of a run will have none, and somebody waits for the end. */
  #timeoutMs(factor: number): number {
    return this.#isSilent ? LAST_ANSWER_MS : this.#settings.engineTimeoutMs * factor;
  }

  /** The engine's answer, or one clear sentence. */
  async #explained<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw engineError(error, this.#address);
    }
  }

  #place(signal?: AbortSignal): Promise<Placement> {
    this.#placement ??= placeWorkers(this.#docker, this.#placementOptions(signal));
    return this.#placement;
  }

  #placeBesideEngine(signal: AbortSignal): Promise<EnginePlacement> {
    return placeBesideEngine(this.#docker, this.#placementOptions(signal));
  }

  #placementOptions(signal?: AbortSignal): PlacementOptions {
    const { network, driverHost, engineTimeoutMs: timeoutMs } = this.#settings;
    return { network, driverHost, address: this.#address, patience: { timeoutMs, signal } };
  }

  #provide(
    image: string,
    registryAuth: RegistryAuth | undefined,
    { signal, log }: OpenInfo,
  ): Promise<ImageFacts> {
    const { pull, engineTimeoutMs, pullIdleTimeoutMs } = this.#settings;
    const patience = { engineTimeoutMs, pullIdleTimeoutMs, signal };
    return provideImage(this.#docker, {
      image,
      pull,
      registryAuth,
      address: this.#address,
      log,
      ...patience,
    });
  }

  #startNats({ runId, signal }: OpenInfo, placement: EnginePlacement): Promise<EngineEndpoint> {
    const { labels, image } = this.#opened!;
    const containers = new NatsContainers({
      runId,
      image: this.#settings.natsImage,
      keeperImage: image.name,
      placement,
      labels,
      nameOf: (what) => this.#nameOf(what),
      ask: (what, question, patience) => this.#ask(what, question, patience),
      containerOf: (what, id) => this.#container(what, id),
      address: this.#address,
      signal,
    });
    this.#nats = { containers, starting: containers.start() };
    return this.#nats.starting;
  }

  /** The engine takes its time to free a name, so none is used twice. */
  #nameOf(what: string): string {
    return `muster-${this.#opened!.labels[LABEL.run]}-${what}-${this.#clusterId.slice(0, 6)}`;
  }

  /** The ids of the containers that there are. */
  async #list(): Promise<string[]> {
    const listing = (docker: Docker) => docker.listContainers({ all: true, filters: this.#filters });
    return (await this.#ask("list its containers", listing)).map(({ Id: id }) => id);
  }

  #container(id: WorkerId, containerId: string): WorkerContainer {
    const timeoutMs = (): number => this.#timeoutMs(WORK_FACTOR);
    const { memory } = this.#settings;
    return new WorkerContainer(id, { engine: this.#docker, containerId, memory, timeoutMs });
  }

  async #start(spec: WorkerSpec): Promise<LaunchResult> {
    const { id } = spec;
    const { open: env, secret } = splitSecrets(spec.env);
    const { noMoreLaunches: signal, worker: file, image, labels, network } = this.#opened!;
    let worker: WorkerContainer | undefined;
    try {
      const facts = { settings: this.#settings, name: this.#nameOf(id), image: image.name };
      const options = workerOptions(id, { ...facts, network, labels, env });
      const make = (docker: Docker) => docker.createContainer(options);
      const container = await this.#ask("create a container", make, { factor: WORK_FACTOR, signal });
      worker = this.#container(id, container.id);
      this.#workers.add(worker);
      await withDeadline(worker.start(bootstrapInput(secret, file)), `Starting ${id}`, { signal });
    } catch (error) {
      this.#workers.drop(id);
      this.#isSilent ||= signal.aborted;
      const killing = worker?.kill().catch(() => undefined);
      if (!signal.aborted) await killing;
      return { id, ok: false, reason: explain(error, this.#address), permanent: isPermanent(error) };
    }
    if (!worker.isOver) this.#workers.tell({ id, phase: "running" });
    return { id, ok: true };
  }

  /** As far as it can be known without asking. */
  get #engineTimeMs(): number {
    return this.#opened!.engineEpochMs + performance.now();
  }

  /** One that fails is tried again with the next; the lease holds longer than that. */
  async #renewLeases(): Promise<void> {
    const containers = [...this.#workers.running, ...(this.#nats?.containers.running ?? [])];
    if (containers.length === 0) return;
    // Either of the two clocks may have been set, or this machine have slept.
    const time = await this.#ask("tell its time", infoOf).catch(() => undefined);
    const renewal = { at: new Date(time?.SystemTime ?? this.#engineTimeMs), count: ++this.#renewals };
    for (const container of containers) container.renewLease(renewal).catch(() => undefined);
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const label = this.#filters.label[0]!;
    const since = Math.floor(this.#engineTimeMs / 1000) - 1;
    const timeoutMs = this.#settings.engineTimeoutMs;
    for await (const news of engineEvents(this.#docker, { label, since, signal, timeoutMs })) {
      if (news.type === "connected") await this.#lookAgain();
      else this.#workers.get(news.labels[LABEL.worker] ?? "")?.saw(news);
    }
  }

  /** After a time without events: whose container is not there has ended. */
  async #lookAgain(): Promise<void> {
    const before = this.#workers.running;
    const ids = new Set(await this.#list());
    for (const worker of before) if (!ids.has(worker.containerId)) worker.over();
  }
}

/** Fires a moment after another signal. */
function soonAfter(signal: AbortSignal): AbortSignal {
  const late = new AbortController();
  const wait = (): void => void setTimeout(() => late.abort(), LAST_LAUNCH_MS).unref();
  if (signal.aborted) wait();
  else signal.addEventListener("abort", wait, { once: true });
  return late.signal;
}
