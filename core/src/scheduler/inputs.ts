import type { FutureArray, MappedFuture, TaskFuture } from "./future.ts";

/** Values that are taken as they are: nothing inside them can be a future. */
type Opaque =
  | string
  | number
  | boolean
  | bigint
  | symbol
  | null
  | undefined
  | Date
  | RegExp
  | Error
  | ArrayBuffer
  | ArrayBufferView
  | ((...args: never[]) => unknown);

/**
 * What may be given where a task takes a `T`: a `T`, a future of one, or a structure with futures anywhere inside:
 * in arrays, Maps (keys, too), Sets, and fields of objects.
 */
export type Input<T> =
  | T
  | TaskFuture<T>
  | (T extends readonly (infer U)[] ? FutureArray<U> : never)
  | (T extends Opaque
      ? never
      : T extends ReadonlyMap<infer K, infer V>
        ? ReadonlyMap<Input<K>, Input<V>>
        : T extends ReadonlySet<infer U>
          ? ReadonlySet<Input<U>>
          : T extends object
            ? { [K in keyof T]: Input<T[K]> }
            : never);

/** The arguments of a call of a task. */
export type Inputs<A extends readonly unknown[]> = { [K in keyof A]: Input<A[K]> };

/** Marks what `unmapped` of this and of any other copy of this package gives. */
const UNMAPPED = Symbol.for("muster.unmapped/1");

/** A value that every task of a `map` gets whole. */
export class Unmapped<T> {
  readonly value: T;

  constructor(value: T) {
    this.value = value;
  }

  static {
    Object.defineProperty(Unmapped.prototype, UNMAPPED, { value: true });
  }
}

/** @internal */
export function isUnmapped(value: unknown): value is Unmapped<unknown> {
  return typeof value === "object" && value !== null && UNMAPPED in value;
}

/** Passes `value` whole to every task of a `map`, instead of one element to each. It is sent to a worker once. */
export function unmapped<T>(value: T): Unmapped<T> {
  return new Unmapped(value);
}

/** The arguments of a `map` whose number of elements is known. */
export type KnownMapInputs<A extends readonly unknown[]> = {
  [K in keyof A]: Iterable<Input<A[K]>> | Unmapped<Input<A[K]>>;
};

/** The arguments of a `map`, some of which may be futures of iterables. */
export type MapInputs<A extends readonly unknown[]> = {
  [K in keyof A]: Iterable<Input<A[K]>> | TaskFuture<Iterable<A[K]>> | Unmapped<Input<A[K]>>;
};

/**
 * `T` with every future in it replaced by its value. What holds none is the same object; what does is copied, an
 * instance of a class as one of the same class, with its fields, but without what is private to it (`#field`).
 */
export type Resolved<T> =
  T extends FutureArray<infer U>
    ? U[]
    : T extends MappedFuture<infer U>
      ? U[]
      : T extends TaskFuture<infer U>
        ? U
        : T extends Opaque
          ? T
          : T extends Map<infer K, infer V>
            ? Map<Resolved<K>, Resolved<V>>
            : T extends Set<infer U>
              ? Set<Resolved<U>>
              : T extends object
                ? { [K in keyof T]: Resolved<T[K]> }
                : T;
