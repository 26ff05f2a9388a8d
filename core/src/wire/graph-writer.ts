import { types } from "node:util";
import { PieceWriter } from "./binary-pieces.ts";
import { isError } from "./error-classes.ts";
import {
  Atom,
  ERROR_FIELDS_AT,
  type Graph,
  type GraphNode,
  Kind,
  type Slot,
  VIEW_TYPES,
} from "./graph-format.ts";
import { Ref, RefRange } from "./refs.ts";
import {
  constructorNameOf,
  locate,
  notSerializable,
  pathStep,
  whyPrimitiveUnserializable,
  whyUnserializable,
} from "./unserializable.ts";

export interface GraphOptions {
  readonly what: string;
  readonly replace?: ((value: object) => Ref | RefRange | undefined) | undefined;
  readonly onPrototypeLost?: ((path: string, constructorName: string) => void) | undefined;
  readonly skipUnserializable?: boolean | undefined;
}

/**
 * Describes a value of any shape.
 * @throws NotSerializableError for what cannot travel, with its path
 */
export function writeGraph(value: unknown, options: GraphOptions): { graph: Graph; buffers: Uint8Array[] } {
  return new GraphWriter(options).write(value);
}

/** What a slot is whose value was left out. */
const SKIPPED = Symbol("skipped");

const NEGATIVE_ZERO: Slot = [Atom.negativeZero, null];

class GraphWriter {
  readonly #options: GraphOptions;
  readonly #nodes: GraphNode[] = [];
  /** By number of the node: the object, and where it was first met. */
  readonly #sources: object[] = [];
  readonly #parents: number[] = [];
  readonly #keys: (string | number)[] = [];
  readonly #slots = new Map<object, Slot>();
  readonly #pieces = new PieceWriter();
  /** Nodes that still need their content. Numbers instead of recursion, so that depth has no limit. */
  readonly #queue: number[] = [];
  /**
   * Nodes whose content may be left out where it cannot travel: what hangs on errors, as the request on a client's
   * error. They come last, so that whatever is also reached from outside is not thinned out.
   */
  readonly #lenientQueue: number[] = [];
  readonly #toldOf = new Set<object>();
  #lenient = false;

  constructor(options: GraphOptions) {
    this.#options = options;
  }

  write(value: unknown): { graph: Graph; buffers: Uint8Array[] } {
    this.#lenient = this.#options.skipUnserializable ?? false;
    const root = this.#slot(value, -1, "");
    for (let at = 0; at < this.#queue.length; at++) this.#fill(this.#queue[at]!);
    this.#lenient = true;
    for (let at = 0; at < this.#lenientQueue.length; at++) this.#fill(this.#lenientQueue[at]!);
    const { pieces, buffers } = this.#pieces.finish();
    return { graph: [root === SKIPPED ? undefined : root, this.#nodes, pieces], buffers };
  }

  #slot(value: unknown, parent: number, key: string | number): Slot | typeof SKIPPED {
    switch (typeof value) {
      case "object":
        return value === null ? null : this.#objectSlot(value, parent, key);
      case "string":
        return stringSlot(value);
      case "number":
        return Object.is(value, -0) ? NEGATIVE_ZERO : value;
      case "bigint":
        return bigintSlot(value);
      case "boolean":
      case "undefined":
        return value;
      default:
        return this.#refuse(parent, key, whyPrimitiveUnserializable(value));
    }
  }

  #objectSlot(value: object, parent: number, key: string | number): Slot | typeof SKIPPED {
    const known = this.#slots.get(value);
    if (known !== undefined) return known;
    const node = this.#describe(value, parent, key);
    if (node === SKIPPED) return SKIPPED;
    const index = this.#nodes.push(node) - 1;
    this.#sources.push(value);
    this.#parents.push(parent);
    this.#keys.push(key);
    const slot: Slot = [index];
    this.#slots.set(value, slot);
    const kind = node[0] as number;
    if (kind === Kind.error) this.#lenientQueue.push(index);
    else if (kind <= Kind.set) (this.#lenient ? this.#lenientQueue : this.#queue).push(index);
    return slot;
  }

  /** A node with all of it but the slots of what it contains. */
  #describe(value: object, parent: number, key: string | number): GraphNode | typeof SKIPPED {
    const prototype: object | null = Object.getPrototypeOf(value);
    if (prototype === null || isObjectPrototype(prototype)) return [Kind.object];
    if (prototype === Array.prototype) return [Kind.array];
    const replacement = this.#options.replace?.(value);
    if (replacement instanceof Ref) return [Kind.ref, replacement.index];
    if (replacement instanceof RefRange) return [Kind.refRange, replacement.start, replacement.count];
    const builtIn = this.#describeBuiltIn(value);
    if (typeof builtIn === "string") return this.#refuse(parent, key, builtIn);
    const [node, className] = builtIn ?? [[Kind.object], "Object"];
    if (builtIn === undefined) {
      const why = whyUnserializable(value);
      if (why !== undefined) return this.#refuse(parent, key, why);
    }
    if (className !== undefined) this.#tellIfLost(value, { className, prototype, parent, key });
    return node;
  }

  /** The node and the class that arrives, undefined when nothing is lost; or why it cannot travel. */
  #describeBuiltIn(value: object): [node: GraphNode, className: string | undefined] | string | undefined {
    if (Array.isArray(value)) return [[Kind.array], "Array"];
    if (ArrayBuffer.isView(value)) return this.#describeView(value);
    if (types.isDate(value)) return [[Kind.date, Date.prototype.getTime.call(value)], "Date"];
    if (types.isMap(value)) return [[Kind.map], "Map"];
    if (types.isSet(value)) return [[Kind.set], "Set"];
    if (isError(value)) return [[Kind.error], undefined];
    if (types.isRegExp(value)) return [[Kind.regExp, stringSlot(value.source), value.flags], "RegExp"];
    if (types.isArrayBuffer(value)) {
      if (value.detached) return DETACHED;
      return [this.#pieces.arrayBuffer(value), "ArrayBuffer"];
    }
    if (types.isSymbolObject(value)) return "a boxed symbol, which belongs to one process; pass a string";
    if (types.isBoxedPrimitive(value)) {
      const primitive: unknown = value.valueOf();
      return [[Kind.boxed, this.#slot(primitive, -1, "")], undefined];
    }
    return undefined;
  }

  #describeView(view: ArrayBufferView): [node: GraphNode, className: string | undefined] | string {
    const { buffer } = view;
    if (types.isSharedArrayBuffer(buffer)) return SHARED;
    if ((buffer as ArrayBuffer).detached) return DETACHED;
    const className = Buffer.isBuffer(view)
      ? "Buffer"
      : types.isDataView(view)
        ? "DataView"
        : (Reflect.get(TYPED_ARRAY_PROTOTYPE, Symbol.toStringTag, view) as string);
    const type = VIEW_TYPES.indexOf(className as (typeof VIEW_TYPES)[number]);
    if (type < 0)
      return `a ${className}, a type of array that is not known here; pass one of ${VIEW_TYPES.join(", ")}`;
    return [this.#pieces.view(type, view as ArrayBufferView<ArrayBuffer>), className];
  }

  #tellIfLost(
    value: object,
    lost: { className: string; prototype: object; parent: number; key: string | number },
  ) {
    const { onPrototypeLost, what } = this.#options;
    if (onPrototypeLost === undefined || this.#lenient || this.#toldOf.has(lost.prototype)) return;
    const name = constructorNameOf(value);
    // of another realm: the class is the same but for its home
    if (name === lost.className || (name === "FastBuffer" && lost.className === "Buffer")) return;
    this.#toldOf.add(lost.prototype);
    onPrototypeLost(locate(what, this.#path(lost.parent, lost.key)), name);
  }

  #fill(index: number): void {
    const source = this.#sources[index]!;
    switch (this.#nodes[index]![0]) {
      case Kind.object:
        this.#fillFields(index, Object.keys(source));
        break;
      case Kind.array:
        this.#fillArray(index, source as unknown[]);
        break;
      case Kind.map:
        this.#fillMap(index, source as Map<unknown, unknown>);
        break;
      case Kind.set:
        this.#fillSet(index, source as Set<unknown>);
        break;
      case Kind.error:
        this.#fillError(index, source as Error);
        break;
    }
  }

  #fillFields(index: number, keys: readonly string[]): void {
    const node = this.#nodes[index]!;
    const source = this.#sources[index] as Record<string, unknown>;
    for (const key of keys) {
      const slot = this.#slot(source[key], index, key);
      if (slot !== SKIPPED) node.push(stringSlot(key), slot);
    }
  }

  #fillArray(index: number, source: readonly unknown[]): void {
    const node = this.#nodes[index]!;
    for (let at = 0; at < source.length; at++) {
      const value = source[at];
      if (value === undefined && !Object.hasOwn(source, at)) {
        this.#fillSparseArray(index, source);
        return;
      }
      node.push(this.#kept(value, index, at));
    }
  }

  #fillMap(index: number, source: Map<unknown, unknown>): void {
    const node = this.#nodes[index]!;
    let position = 0;
    for (const [key, value] of Map.prototype.entries.call(source)) {
      node.push(this.#kept(key, index, position++), this.#kept(value, index, position++));
    }
  }

  #fillSet(index: number, source: Set<unknown>): void {
    const node = this.#nodes[index]!;
    let position = 0;
    for (const value of Set.prototype.values.call(source)) node.push(this.#kept(value, index, position++));
  }

  #fillSparseArray(index: number, source: readonly unknown[]): void {
    const node = this.#nodes[index]!;
    node.length = 0;
    node.push(Kind.sparseArray, source.length);
    for (const key of Object.keys(source)) {
      const at = Number(key) >>> 0;
      if (at < source.length && String(at) === key) node.push(at, this.#kept(source[at], index, at));
    }
  }

  #fillError(index: number, source: Error): void {
    const node = this.#nodes[index]!;
    const { name, message, stack } = source;
    const hasMessage = message !== "" || Object.hasOwn(source, "message");
    node.push(
      stringSlot(String(name)),
      hasMessage ? stringSlot(String(message)) : undefined,
      typeof stack === "string" ? stringSlot(stack) : undefined,
      0,
    );
    const shown = Object.keys(source).filter((key) => key !== "name" && key !== "message" && key !== "stack");
    const hidden = ["cause", "errors"].filter((key) => Object.hasOwn(source, key) && !shown.includes(key));
    this.#fillFields(index, hidden);
    node[ERROR_FIELDS_AT - 1] = node.length;
    this.#fillFields(index, shown);
  }

  /** For places that must stay where they are: what is left out there becomes undefined. */
  #kept(value: unknown, parent: number, key: string | number): Slot {
    const slot = this.#slot(value, parent, key);
    return slot === SKIPPED ? undefined : slot;
  }

  #refuse(parent: number, key: string | number, why: string): typeof SKIPPED {
    if (this.#lenient) return SKIPPED;
    throw notSerializable(this.#options.what, this.#path(parent, key), why);
  }

  #path(parent: number, key: string | number): string {
    const steps: string[] = [];
    for (let at = parent, step = key; at >= 0; step = this.#keys[at]!, at = this.#parents[at]!) {
      steps.push(pathStep(this.#sources[at]!, step));
    }
    if (steps.length <= MAX_STEPS) return steps.reverse().join("");
    return [...steps.slice(-MAX_STEPS).reverse(), "…", steps[0]].join("");
  }
}

/** A path is for people: what is nested deeper is cut in its middle. */
const MAX_STEPS = 50;

const TYPED_ARRAY_PROTOTYPE: object = Object.getPrototypeOf(Uint8Array.prototype);
const SHARED =
  "a view of a SharedArrayBuffer, and processes do not share memory; pass a copy, made with its `slice()`";
const DETACHED =
  "memory that was transferred away and has no content any more; pass it before it is transferred";

/** Of any realm: a plain object of `node:vm` is as plain as one of here. */
function isObjectPrototype(prototype: object): boolean {
  if (prototype === Object.prototype) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "__defineGetter__");
}

function stringSlot(value: string): Slot {
  return value.isWellFormed() ? value : [Atom.utf16, Buffer.from(value, "utf16le")];
}

function bigintSlot(value: bigint): Slot {
  return BigInt.asIntN(64, value) === value ? value : [Atom.bigint, value.toString(16)];
}
