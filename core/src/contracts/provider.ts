/**
 * The contract that a provider fulfils. A provider does only what differs from one place to another: it makes
 * workers exist, tells what becomes of them, and takes them away. How many there are, when, and what a failure
 * means is the cluster's, which is written once.
 */

/** A worker's name: unique in its run, lower case letters, digits and hyphens (`"w-1"`). */
export type WorkerId = string;

/** The run that a cluster serves. */
export interface RunInfo {
  /** Unique: `"run-3f9a1c04b2"`. Everything that a provider creates carries it. */
  readonly runId: string;
  readonly flowName: string;
  /** Where the engine of this run is; undefined when the provider brings the engine itself (`open` returns it). */
  readonly engine: EngineEndpoint | undefined;
  /** The image of the flow run (`--image`, or `context.image`), if there is one. */
  readonly image: string | undefined;
  /** Fires when the run ends early, or the cluster is closed: `open` should give up. */
  readonly signal: AbortSignal;
}

/** What `open` gets: the run, and a way to say what takes so long. */
export interface OpenInfo extends RunInfo {
  /** Writes a line into the run's log: `"pulling node:24: 3 of 7 layers"`. */
  readonly log: (message: string) => void;
}

/** Where workers find their engine. */
export interface EngineEndpoint {
  /** `tcp://127.0.0.1:40123`, `tls://172.17.0.1:40123`, `nats://10.0.0.7:4222`. */
  readonly address: string;
  /**
   * What a worker must show to be let in, never on a command line. Empty where a provider brings the engine: the driver
   * then makes one.
   */
  readonly token: string;
  /** PEM of the certificate that workers pin, with `tls://`. */
  readonly certificate?: string;
  /** The engine is a server of NATS: what a worker needs beside its address to get in, as environment variables. */
  readonly nats?: Readonly<Record<string, string>>;
  /** That server is this run's alone and goes with it, so that nothing has to be removed from it. @default false */
  readonly isOwnServer?: boolean;
}

/** Where the driver listens for workers that are not processes of its own machine. */
export interface HubAddress {
  /** The one address of the driver's machine to listen on: `"172.17.0.1"`. */
  readonly listen: string;
  /** What workers dial to get there: `"host.docker.internal"`. @default `listen` */
  readonly dial?: string;
}

/** A worker to start. A provider starts `muster worker <address>` with exactly this. */
export interface WorkerSpec {
  readonly id: WorkerId;
  /** Environment variables that the worker needs: where its engine is, its token, its name, its threads. */
  readonly env: Readonly<Record<string, string>>;
  /** Task threads in the worker. */
  readonly threads: number;
  /** Abstract resources that the worker has: `{ GPU: 1 }`. */
  readonly resources: Readonly<Record<string, number>>;
  /** Bytes of heap that each of its task threads may have, where there is a limit: for messages. */
  readonly memoryLimit?: number | undefined;
}

/** What became of a request to start a worker: either it is under way, or it failed with a reason. */
export type LaunchResult =
  | { readonly id: WorkerId; readonly ok: true }
  | {
      readonly id: WorkerId;
      readonly ok: false;
      /** Why, in the provider's own words. */
      readonly reason: string;
      /** `true`: trying again cannot help (no such image, no permission). */
      readonly permanent?: boolean;
    };

/** `starting`: accepted, not running. `running`: its process runs. `ended`: it will never run again. */
export type WorkerPhase = "starting" | "running" | "ended";

/** Something that a provider saw of a worker. */
export interface WorkerObservation {
  readonly id: WorkerId;
  readonly phase: WorkerPhase;
  /** In the provider's own words: `"ImagePullBackOff: …"`, `"OOMKilled"`, `"exit code 1"`. */
  readonly reason?: string;
  readonly exitCode?: number;
  /** `"SIGKILL"`. */
  readonly signal?: string;
  readonly outOfMemory?: boolean;
  /** `true`: starting another one cannot help. */
  readonly permanent?: boolean;
}

export interface WorkerProvider {
  /** For messages: `"local"`, `"docker"`. */
  readonly name: string;
  /**
   * Where workers find the driver. Asked before anything is made; may be left out by a provider whose workers are
   * processes of the driver's machine: then the driver listens on its loopback interface, else with TLS.
   * Throws when the place where workers run cannot be used at all, saying why.
   * @param signal nobody waits for the answer any more
   */
  locateHub?(signal?: AbortSignal): Promise<HubAddress>;
  /**
   * `true`: `open` gives the place of an engine that it has made, such as a server of NATS, and driver and workers meet
   * there. @default false: the driver is the engine
   */
  readonly bringsEngine?: boolean;
  /** Makes what all workers share (network, secret, task definition, an engine of its own). */
  open?(run: OpenInfo): Promise<EngineEndpoint | undefined>;
  /** Asks for workers, all at once; returns when the requests were made, not when the workers run. */
  launch(workers: readonly WorkerSpec[]): Promise<readonly LaunchResult[]>;
  /**
   * What becomes of the workers, from the beginning; ends when `signal` fires. Called once, after `open`. News may come
   * twice; the first `ended` of a worker counts, and nothing that is told of it afterwards.
   */
  observe(signal: AbortSignal): AsyncIterable<WorkerObservation>;
  /**
   * Stops workers: politely, and after `graceMs` by force. Unknown and ended ones are fine. Returns when they are
   * gone, and `observe` has told how they ended. May be called again for the same ones with a shorter grace.
   */
  terminate(ids: readonly WorkerId[], options: { readonly graceMs: number }): Promise<void>;
  /** A worker's output, line by line, from the first line on, also after its death; ends at its end, or with `signal`. */
  logs(id: WorkerId, signal: AbortSignal): AsyncIterable<string>;
  /** Removes what `open` made. Called once, after all workers are gone. Throws when something could not be removed. */
  close?(): Promise<void>;
}
