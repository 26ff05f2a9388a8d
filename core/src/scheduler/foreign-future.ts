import { toError } from "../base/errors.ts";
import { Node, type NodeOwner } from "./task-run.ts";

/** Marks futures of this and of any other copy of this package. */
export const FUTURE = Symbol.for("muster.future/1");
/** Marks arrays of futures. */
export const FUTURES = Symbol.for("muster.futures/1");

/** What a future tells other copies. */
export interface FutureFacts {
  /** Of its task. */
  readonly name: string;
}

type ForeignFuture = PromiseLike<unknown> & { readonly [FUTURE]: FutureFacts };

/** The node behind a future of another copy of this package, of which no more is known than that it can be awaited. */
class ForeignNode extends Node {
  readonly name: string;

  constructor(future: ForeignFuture) {
    super(OWNER);
    this.name = future[FUTURE].name;
    this.promise = Promise.resolve(future);
    this.promise.then(
      (value) => {
        this.state = "Success";
        this.value = value;
        this.tellDependents();
      },
      (thrown: unknown) => {
        this.state = "Failed";
        this.error = toError(thrown);
        this.tellDependents();
      },
    );
  }
}

/** Stands for the runs of other copies. */
const OWNER: NodeOwner = {
  engine: undefined,
  result: ({ promise }) => promise!,
  unpack: ({ value }) => value,
};

const known = new WeakMap<object, ForeignNode>();

/** The node behind a future that another copy of this package made; undefined for every other value. */
export function foreignNode(value: object): Node | undefined {
  if (!(FUTURE in value)) return undefined;
  let node = known.get(value);
  if (node === undefined) {
    node = new ForeignNode(value as ForeignFuture);
    known.set(value, node);
  }
  return node;
}
