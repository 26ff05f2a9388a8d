import { toError } from "../base/errors.ts";
import type { Engine } from "../contracts/engine.ts";
import type { StateName } from "../contracts/event.ts";
import { type CancelReason, TaskCancelledError } from "./errors.ts";
import { Node, type NodeOwner } from "./task-run.ts";

/** The value of a node of another run, kept as this run keeps values. */
class AdoptedNode extends Node {
  readonly name: string;

  constructor(owner: NodeOwner, name: string) {
    super(owner);
    this.name = name;
  }
}

interface End {
  readonly value?: unknown;
  readonly error?: Error | undefined;
}

/**
 * Nodes of other runs that this one's tasks depend on: of the flow that this one runs in, of a flow that it ran, of a
 * run that has ended. Each gets a node here, since engines keep values each in a form of its own.
 */
export class Adoptions {
  readonly #owner: NodeOwner;
  readonly #engine: Engine;
  readonly #adopted = new WeakMap<Node, AdoptedNode>();
  /** Those that have not ended. */
  readonly #open = new Set<AdoptedNode>();

  constructor(owner: NodeOwner, engine: Engine) {
    this.#owner = owner;
    this.#engine = engine;
  }

  /** What stands for these nodes in this run: those that are of it, themselves. */
  local(nodes: readonly Node[]): readonly Node[];
  local(found: Node | readonly Node[] | undefined): Node | readonly Node[] | undefined;
  local(found: Node | readonly Node[] | undefined): Node | readonly Node[] | undefined {
    if (found instanceof Node) return this.#local(found);
    return found?.every(({ owner }) => owner === this.#owner)
      ? found
      : found?.map((node) => this.#local(node));
  }

  /** Waits for none of them any longer. */
  cancel(why: CancelReason): void {
    for (const adopted of this.#open)
      this.#end(adopted, "Cancelled", { error: new TaskCancelledError(adopted.name, why) });
  }

  #local(node: Node): Node {
    if (node.owner === this.#owner) return node;
    let adopted = this.#adopted.get(node);
    if (adopted === undefined) {
      adopted = new AdoptedNode(this.#owner, node.name);
      this.#adopted.set(node, adopted);
      this.#open.add(adopted);
      this.#follow(node, adopted);
    }
    return adopted;
  }

  #follow(node: Node, adopted: AdoptedNode): void {
    node.whenEnded(() => {
      if (node.state !== "Success") {
        this.#end(adopted, node.state, node);
        return;
      }
      const taken = node.owner.engine && this.#engine.takeOver(node.value, node.owner.engine);
      if (taken !== undefined) {
        this.#end(adopted, "Success", { value: taken.kept });
        return;
      }
      node.owner
        .result(node)
        .then((value) => this.#engine.keep(value, `the result of task "${node.name}"`))
        .then(
          (value) => this.#end(adopted, "Success", { value }),
          (thrown: unknown) => this.#end(adopted, "Failed", { error: toError(thrown) }),
        );
    });
  }

  #end(adopted: AdoptedNode, state: StateName, { value, error }: End): void {
    if (!this.#open.delete(adopted)) return;
    adopted.state = state;
    adopted.value = state === "Success" ? value : undefined;
    adopted.error = error;
    adopted.tellDependents();
  }
}
