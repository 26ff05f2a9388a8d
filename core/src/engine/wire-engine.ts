import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import type { Clock } from "../base/clock.ts";
import { type Resources, suffices } from "../base/resources.ts";
import type {
  Engine,
  EngineListener,
  EngineTask,
  FutureLookup,
  Packed,
  TaskFunction,
} from "../contracts/engine.ts";
import { BlobHandle, BlobStore } from "./blob-store.ts";
import { Dispatcher } from "./dispatcher.ts";
import { WireValues } from "./wire-values.ts";

export interface WireEngineOptions {
  readonly clock: Clock;
  /** What the best worker that may come has; undefined when anything may. */
  readonly possibleResources?: Resources | undefined;
  /** All workers share those resources, instead of having as much each. */
  readonly sharesResources?: boolean | undefined;
}

/**
 * What all engines have in common whose tasks run outside of this thread: values that travel, a blob store, and a
 * dispatcher that places tasks on workers. How workers come to be there is the subclass's.
 */
export abstract class WireEngine implements Engine {
  readonly needsCode = true;
  protected readonly clock: Clock;
  protected readonly blobs: BlobStore;
  protected readonly values: WireValues;
  readonly #options: WireEngineOptions;
  #dispatcher: Dispatcher | undefined;
  #closing: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: WireEngineOptions) {
    this.#options = options;
    this.clock = options.clock;
    this.blobs = new BlobStore(randomBytes(16).toString("hex"), {
      freed: (ids) => this.blobsFreed(ids),
      fetch: (id) => this.fetchBlob(id),
    });
    this.values = new WireValues(this.blobs);
  }

  protected get dispatcher(): Dispatcher {
    return this.#dispatcher!;
  }

  async start(owner: EngineListener): Promise<void> {
    const listener = this.#untilClosed(owner);
    const { possibleResources, sharesResources } = this.#options;
    this.#dispatcher = new Dispatcher({
      values: this.values,
      clock: this.clock,
      listener,
      sharedResources: sharesResources ? possibleResources : undefined,
      cores: this.isOnThisMachine ? availableParallelism() : undefined,
      onLoad: (id, running) => this.loadChanged(id, running),
    });
    await this.open(listener);
  }

  pack<Dependency>(
    args: readonly unknown[],
    taskName: string,
    lookup: FutureLookup<Dependency>,
  ): Packed<Dependency> {
    return this.values.pack(args, taskName, lookup);
  }

  share(value: unknown, taskName: string, lookup: FutureLookup<unknown>): unknown {
    return this.values.share(value, taskName, lookup);
  }

  unpack(value: unknown): unknown | Promise<unknown> {
    return this.values.unpack(value);
  }

  keep(value: unknown, what: string): unknown {
    return this.values.keep(value, what);
  }

  takeOver(kept: unknown, from: Engine): { readonly kept: unknown } | undefined {
    return from instanceof WireEngine ? this.values.takeOver(kept, from.values) : undefined;
  }

  release(kept: unknown): void {
    if (kept instanceof BlobHandle) this.blobs.release(kept);
  }

  gather(values: readonly unknown[]): unknown {
    return this.values.gather(values);
  }

  submit(tasks: readonly EngineTask[]): void {
    this.dispatcher.submit(tasks);
  }

  cancel(task: EngineTask, graceMs: number): boolean {
    return this.dispatcher.cancel(task, graceMs);
  }

  whyImpossible(fn: TaskFunction): string | undefined {
    const possible = this.#options.possibleResources;
    if (fn.resources === undefined || possible === undefined || suffices(possible, fn.resources))
      return undefined;
    return `it needs ${list(fn.resources)}, and a worker of this cluster has ${list(possible)}. Give the cluster \`resources\`.`;
  }

  /** Its end, once it is closing. */
  get closing(): Promise<void> | undefined {
    return this.#closing;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Its workers share this process's cores. */
  protected abstract readonly isOnThisMachine: boolean;
  /** Makes workers possible. Called once, by `start`. */
  protected abstract open(listener: EngineListener): Promise<void>;
  /** Lets all workers go. Called once, also when `open` failed. */
  protected abstract end(): Promise<void>;
  /** Nobody needs these blobs any more: copies of them may go. */
  protected blobsFreed(_ids: readonly string[]): void {}
  /** Brings a blob that a worker made; undefined where it is in the directory. */
  protected fetchBlob(_id: string): Promise<Buffer> | undefined {
    return undefined;
  }
  protected loadChanged(_workerId: string, _running: number): void {}

  /** Connections that had to be cut may say more than anybody waits for. */
  #untilClosed(listener: EngineListener): EngineListener {
    const unlessClosed =
      <Said>(hear: (said: Said) => void): ((said: Said) => void) =>
      (said) => {
        if (!this.#isClosed) hear(said);
      };
    return {
      started: unlessClosed((starts) => listener.started(starts)),
      reported: unlessClosed((reports) => listener.reported(reports)),
      log: unlessClosed((event) => listener.log(event)),
      failed: unlessClosed((error) => listener.failed(error)),
    };
  }

  async #close(): Promise<void> {
    this.#dispatcher?.close();
    await this.end();
    this.#isClosed = true;
    this.blobs.close();
  }
}

function list(resources: Resources): string {
  const entries = Object.entries(resources).map(([name, amount]) => `${name}: ${amount}`);
  return entries.length === 0 ? "no resources" : entries.join(", ");
}
