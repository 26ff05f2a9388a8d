import { PieceReader } from "./binary-pieces.ts";
import { makeError, setField, setHidden } from "./error-classes.ts";
import { Atom, ERROR_FIELDS_AT, type GraphNode, Kind, natural, type Slot } from "./graph-format.ts";
import { Ref, RefRange } from "./refs.ts";

/**
 * Builds the value that a graph describes: first every object, empty, then what they contain, so that cycles need no
 * care. Throws plain errors for what no writer wrote; memory taken is bounded by the size of the graph.
 */
export class GraphReader {
  readonly #root: Slot;
  readonly #nodes: readonly GraphNode[];
  readonly #pieces: PieceReader;
  readonly #objects: unknown[] = [];

  constructor(graph: unknown, buffers: readonly Uint8Array[]) {
    const [root, nodes, pieces] = list(graph);
    this.#root = root as Slot;
    this.#nodes = list(nodes).map(list);
    this.#pieces = new PieceReader(list(pieces), buffers);
  }

  /** What stands for other values, each once, with the number to give its value under. */
  *references(): Iterable<[node: number, ref: Ref | RefRange]> {
    for (let index = 0; index < this.#nodes.length; index++) {
      const [kind, first, count] = this.#nodes[index]!;
      if (kind === Kind.ref) yield [index, new Ref(natural(first))];
      else if (kind === Kind.refRange) yield [index, new RefRange(natural(first), natural(count))];
    }
  }

  /** @param resolved values of the references by their numbers */
  read(resolved: ReadonlyMap<number, unknown>): unknown {
    for (let index = 0; index < this.#nodes.length; index++) {
      this.#objects.push(resolved.has(index) ? resolved.get(index) : this.#create(this.#nodes[index]!));
    }
    for (let index = 0; index < this.#nodes.length; index++)
      this.#fill(this.#nodes[index]!, this.#objects[index]);
    return this.#value(this.#root);
  }

  #create(node: GraphNode): unknown {
    switch (node[0]) {
      case Kind.object:
        return {};
      case Kind.array:
        return new Array(node.length - 1);
      case Kind.sparseArray:
        return sparseArray(natural(node[1]), node.length / 2 - 1);
      case Kind.map:
        return new Map();
      case Kind.set:
        return new Set();
      case Kind.date:
        return new Date(node[1] as number);
      case Kind.regExp:
        return new RegExp(text(node[1]), text(node[2]));
      case Kind.boxed:
        return Object(primitive(node[1]));
      case Kind.error:
        return makeError(text(node[1]), optionalText(node[2]), optionalText(node[3]));
      case Kind.view:
        return this.#pieces.view(node);
      case Kind.arrayBuffer:
        return this.#pieces.arrayBuffer(node);
      default:
        throw new Error(`no such kind of node: ${String(node[0])}`);
    }
  }

  #fill(node: GraphNode, target: unknown): void {
    switch (node[0]) {
      case Kind.object:
        this.#fillObject(node, target as Record<string, unknown>);
        break;
      case Kind.array:
        for (let at = 1; at < node.length; at++) (target as unknown[])[at - 1] = this.#value(node[at]);
        break;
      case Kind.sparseArray:
        this.#fillSparseArray(node, target as unknown[]);
        break;
      case Kind.map:
        for (let at = 1; at < node.length; at += 2) {
          (target as Map<unknown, unknown>).set(this.#value(node[at]), this.#value(node[at + 1]));
        }
        break;
      case Kind.set:
        for (let at = 1; at < node.length; at++) (target as Set<unknown>).add(this.#value(node[at]));
        break;
      case Kind.error:
        this.#fillError(node, target as Error);
        break;
    }
  }

  #fillObject(node: GraphNode, target: Record<string, unknown>): void {
    for (let at = 1; at < node.length; at += 2) {
      const key = text(node[at]);
      const value = this.#value(node[at + 1]);
      if (key === "__proto__") setField(target, key, value);
      else target[key] = value;
    }
  }

  #fillSparseArray(node: GraphNode, target: unknown[]): void {
    for (let at = 2; at < node.length; at += 2) {
      const index = natural(node[at]);
      if (index >= target.length) throw new Error("an element past the end of its array");
      target[index] = this.#value(node[at + 1]);
    }
  }

  #fillError(node: GraphNode, target: Error): void {
    const shownAt = natural(node[ERROR_FIELDS_AT - 1]);
    for (let at = ERROR_FIELDS_AT; at < node.length; at += 2) {
      const set = at < shownAt ? setHidden : setField;
      set(target, text(node[at]), this.#value(node[at + 1]));
    }
  }

  #value(slot: unknown): unknown {
    if (!Array.isArray(slot) || slot.length !== 1) return primitive(slot);
    const index = natural(slot[0]);
    if (index >= this.#objects.length) throw new Error("no such node");
    return this.#objects[index];
  }
}

function primitive(slot: unknown): unknown {
  if (typeof slot !== "object" || slot === null) return slot;
  const [atom, payload] = list(slot);
  switch (atom) {
    case Atom.negativeZero:
      return -0;
    case Atom.bigint:
      return bigint(text(payload));
    case Atom.utf16:
      if (payload instanceof Uint8Array) return Buffer.from(payload).toString("utf16le");
  }
  throw new Error("no such primitive");
}

function bigint(hexadecimal: string): bigint {
  return hexadecimal.startsWith("-") ? -BigInt(`0x${hexadecimal.slice(1)}`) : BigInt(`0x${hexadecimal}`);
}

function text(slot: unknown): string {
  const value = primitive(slot);
  if (typeof value !== "string") throw new Error("no text");
  return value;
}

function optionalText(slot: unknown): string | undefined {
  return slot === undefined ? undefined : text(slot);
}

const FAR_INDEX = 2 ** 32 - 2;

/** V8 takes memory for a length alone, up to 32 million elements; what has many holes must not. */
function sparseArray(length: number, elements: number): unknown[] {
  if (length <= elements * 2 + 64) return new Array(length);
  const array: unknown[] = [];
  array[FAR_INDEX] = undefined; // too far off for a flat store
  delete array[FAR_INDEX];
  array.length = length; // a RangeError for what is no length
  return array;
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error("no list");
  return value;
}
