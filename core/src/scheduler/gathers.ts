import { MusterError, toError } from "../base/errors.ts";
import type { Engine } from "../contracts/engine.ts";
import type { StateName } from "../contracts/event.ts";
import { type CancelReason, TaskCancelledError, UpstreamFailedError } from "./errors.ts";
import type { MapSource } from "./map-source.ts";
import type { RunFunction } from "./run-function.ts";
import { GatherRun, type GatherSink, type Node, type NodeOwner, type TaskRun } from "./task-run.ts";

export interface GathersOptions {
  readonly owner: NodeOwner;
  readonly engine: Pick<Engine, "gather">;
  /** Submits a task an element. */
  readonly map: (fn: RunFunction, sources: readonly MapSource[]) => readonly TaskRun[];
  /** Called when a list has ended. */
  readonly onEnd: () => void;
}

/** Lists of what several nodes give: each ends with the last of them, or with the first that fails. */
export class Gathers {
  readonly #options: GathersOptions;
  readonly #sink: GatherSink;
  /** Those that have not ended and that somebody waits for, or whose elements are not known. */
  readonly #open = new Set<GatherRun>();
  readonly #failed = new Set<GatherRun>();

  constructor(options: GathersOptions) {
    this.#options = options;
    this.#sink = {
      done: (gather) => this.#decide(gather),
      expanded: (gather) => {
        if (!gather.isWanted) this.#open.delete(gather);
      },
      wanted: (gather) => {
        if (!gather.isFinished) this.#open.add(gather);
      },
    };
  }

  /** How many have not ended, of those that somebody waits for. All others end with their elements. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Lists that will have no elements, since what they were mapped over failed. Of all others it is elements that failed:
   * who looks at the list has seen them, and who looks at each of them needs no list.
   */
  failedWithoutElements(): readonly GatherRun[] {
    // The last to fail comes first: it may be a list of others.
    const failed = [...this.#failed].reverse();
    for (const { observed, children = [] } of failed)
      if (observed) for (const child of children) child.observed = true;
    return failed.filter(({ children }) => children === undefined).reverse();
  }

  /** The list of these nodes. */
  of(nodes: readonly Node[]): GatherRun {
    const gather = this.#create(nodes[0]?.name ?? "a list of futures");
    gather.expand(nodes);
    return gather;
  }

  /** The list of a mapped task, the elements of some of whose sources are known only later. */
  later(fn: RunFunction, sources: readonly MapSource[]): GatherRun {
    const gather = this.#create(fn.name);
    gather.waitsForOthers = sources.some(
      (source) => source.kind === "node" && source.node.owner !== this.#options.owner,
    );
    Promise.all(
      sources.map((source) => (source.kind === "node" ? this.#elementsOf(fn.name, source.node) : source)),
    )
      .then((known) => {
        if (!gather.isFinished) gather.expand(this.#options.map(fn, known));
      })
      .catch((thrown: unknown) => {
        if (gather.isFinished) return;
        const error = toError(thrown);
        this.#end(gather, error instanceof UpstreamFailedError ? "UpstreamFailed" : "Failed", error);
      });
    return gather;
  }

  /** Ends the lists that wait for other runs: all others end with what they wait for. */
  cancel(why: CancelReason): void {
    for (const gather of this.#open)
      if (gather.waitsForOthers && gather.children === undefined)
        this.#end(gather, "Cancelled", new TaskCancelledError(gather.name, why));
  }

  #create(name: string): GatherRun {
    const gather = new GatherRun(this.#options.owner, name, this.#sink);
    this.#open.add(gather);
    return gather;
  }

  #decide(gather: GatherRun): void {
    const failed = gather.children!.find((child) => child.isFinished && child.state !== "Success");
    if (failed === undefined) {
      gather.value = this.#options.engine.gather(gather.children!.map((child) => child.value));
      this.#end(gather, "Success", undefined);
    } else {
      this.#end(gather, failed.state, failed.error);
    }
  }

  #end(gather: GatherRun, state: StateName, error: Error | undefined): void {
    gather.state = state;
    gather.error = error;
    this.#open.delete(gather);
    if (state !== "Success") this.#failed.add(gather);
    if (gather.children === undefined) gather.neverExpands();
    gather.tellDependents();
    this.#options.onEnd();
  }

  /** The elements of a future list, each as soon as it is known to exist. */
  async #elementsOf(name: string, node: Node): Promise<MapSource> {
    if (node instanceof GatherRun) {
      node.observed = true;
      const elements = await node.expanded();
      if (elements === undefined) throw new UpstreamFailedError(name, node.name, node.error);
      return { kind: "elements", elements };
    }
    await new Promise<void>((resolve) => node.whenEnded(resolve));
    if (node.state !== "Success") throw new UpstreamFailedError(name, node.name, node.error);
    const value = await node.owner.unpack(node);
    if (typeof value !== "object" || value === null || !(Symbol.iterator in value)) {
      const what = value === null ? "null" : typeof value;
      throw new MusterError(
        "INVALID_OPTION",
        `Task "${name}" was mapped over the result of "${node.name}", which is no iterable but ${what}.`,
      );
    }
    return { kind: "elements", elements: [...(value as Iterable<unknown>)], depth: node.depth };
  }
}
