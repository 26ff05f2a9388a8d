import { types } from "node:util";
import { isError, setHidden } from "./error-classes.ts";
import { whyUnserializable } from "./unserializable.ts";

/*
 * Futures in values that do not travel: in the arguments of tasks of this thread, and in what a flow returns. They are
 * looked for wherever the codec would find them on the way to a worker (see `values.ts`): in arrays, Maps (keys, too),
 * Sets, errors, and the own enumerable fields of plain objects and of instances of classes. What cannot travel (a
 * socket, a Promise, …) is not looked into.
 */

/** Finds what stands behind a future, or behind each of a list of them; undefined for a value that is none. */
type Lookup<Future> = (value: object) => Future | readonly Future[] | undefined;

/** What an object holds that futures may be among. */
interface Contents {
  readonly kind: "array" | "map" | "set" | "fields";
  /** Names of the fields. */
  readonly keys: readonly string[];
  /** Of a Map: a key, its value, a key … */
  readonly values: readonly unknown[];
}

/** An object that may hold a future, or is one. */
interface Place<Future> {
  readonly object: object;
  readonly future: Future | readonly Future[] | undefined;
  readonly contents: Contents | undefined;
  /** Those that hold it. */
  readonly holders: Place<Future>[];
}

/** The futures in a value as it is now, and that value with theirs in their places. */
export class NestedFutures<Future> {
  /** Each once, in the order in which they stand there. */
  readonly futures: readonly Future[];
  readonly #value: unknown;
  /** The futures, and what holds one at any depth. */
  readonly #places: readonly Place<Future>[];

  constructor(value: unknown, lookup: Lookup<Future>) {
    const found = walk(value, lookup);
    this.#value = value;
    this.#places = withHolders(found);
    this.futures = [...new Set(found.flatMap(({ future }) => future as Future | Future[]))];
  }

  /**
   * A copy in which each future is replaced by what `toValue` gives for it, and a list of them by an array. Only what
   * holds a future is copied, an instance of a class as one of the same class: its fields, not what is private.
   */
  fill(toValue: (future: Future) => unknown): unknown {
    if (this.#places.length === 0) return this.#value;
    const copies = new Map<object, unknown>();
    // All of them before any is filled: they may hold each other.
    for (const { object, future, contents } of this.#places) {
      if (contents !== undefined) copies.set(object, emptyCopy(object, contents));
      else if (Array.isArray(future)) copies.set(object, (future as readonly Future[]).map(toValue));
      else copies.set(object, toValue(future as Future));
    }
    const copyOf = (value: unknown): unknown =>
      copies.has(value as object) ? copies.get(value as object) : value;
    for (const { object, contents } of this.#places)
      if (contents !== undefined) fillCopy(copies.get(object) as object, contents, copyOf);
    return copyOf(this.#value);
  }
}

/** The places of all futures in `value`. Each object is looked at once, so that no getter is called again. */
function walk<Future>(value: unknown, lookup: Lookup<Future>): Place<Future>[] {
  const found: Place<Future>[] = [];
  /** Undefined for what holds nothing. */
  const known = new Map<object, Place<Future> | undefined>();
  const values: unknown[] = [value];
  const holders: (Place<Future> | undefined)[] = [undefined];
  // What is found keeps its order: last in, first out, with contents turned around.
  while (values.length > 0) {
    const next = values.pop();
    const holder = holders.pop();
    if (!isObject(next)) continue;
    let place = known.get(next);
    if (place === undefined && !known.has(next)) {
      place = placeOf(next, lookup);
      known.set(next, place);
      if (place?.contents === undefined) {
        if (place !== undefined) found.push(place);
      } else {
        for (let index = place.contents.values.length - 1; index >= 0; index--) {
          values.push(place.contents.values[index]);
          holders.push(place);
        }
      }
    }
    if (holder !== undefined) place?.holders.push(holder);
  }
  return found;
}

function placeOf<Future>(object: object, lookup: Lookup<Future>): Place<Future> | undefined {
  const future = lookup(object);
  if (future !== undefined) return { object, future, contents: undefined, holders: [] };
  const contents = contentsOf(object);
  if (!contents?.values.some(isObject)) return undefined;
  return { object, future, contents, holders: [] };
}

/** With all that hold one of these, or hold one that does. */
function withHolders<Future>(found: readonly Place<Future>[]): Place<Future>[] {
  const places = new Set(found);
  for (const place of places) for (const holder of place.holders) places.add(holder);
  return [...places].map((place) =>
    // What becomes of the array later is not in the copy.
    place.contents?.kind === "array"
      ? { ...place, contents: { ...place.contents, values: place.contents.values.slice() } }
      : place,
  );
}

function contentsOf(object: object): Contents | undefined {
  if (Array.isArray(object)) return { kind: "array", keys: NONE, values: object };
  try {
    if (types.isMap(object)) {
      return { kind: "map", keys: NONE, values: [...Map.prototype.entries.call(object)].flat(1) };
    }
    if (types.isSet(object))
      return { kind: "set", keys: NONE, values: [...Set.prototype.values.call(object)] };
    if (!hasFields(object)) return undefined;
    const keys = isError(object) ? errorKeys(object) : Object.keys(object);
    return { kind: "fields", keys, values: keys.map((key) => (object as Record<string, unknown>)[key]) };
  } catch {
    // A getter threw: what cannot be read is taken as it is.
    return undefined;
  }
}

const NONE: readonly never[] = [];

function hasFields(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype === Object.prototype || prototype === null) return true;
  if (ArrayBuffer.isView(object) || types.isAnyArrayBuffer(object)) return false;
  if (types.isDate(object) || types.isRegExp(object) || types.isBoxedPrimitive(object)) return false;
  return isError(object) || whyUnserializable(object) === undefined;
}

/** All but what an error is made with. */
function errorKeys(error: Error): string[] {
  const shown = Object.keys(error).filter((key) => key !== "name" && key !== "message" && key !== "stack");
  const hidden = ["cause", "errors"].filter((key) => Object.hasOwn(error, key) && !shown.includes(key));
  return [...hidden, ...shown];
}

/** One of the same class, with all but the contents. */
function emptyCopy(object: object, { kind, keys, values }: Contents): object {
  const prototype: object | null = Object.getPrototypeOf(object);
  switch (kind) {
    case "array":
      return ofClass(new Array(values.length), prototype);
    case "map":
      return ofClass(new Map(), prototype);
    case "set":
      return ofClass(new Set(), prototype);
    case "fields": {
      const copy = isError(object) ? ofClass(new Error(), prototype) : Object.create(prototype);
      for (const key of Reflect.ownKeys(object)) {
        const property = Object.getOwnPropertyDescriptor(object, key)!;
        if (!keys.includes(key as string)) Object.defineProperty(copy, key, property);
        // In its place among the others, to be filled.
        else Object.defineProperty(copy, key, { ...FIELD, enumerable: property.enumerable ?? true });
      }
      if (isError(object)) setHidden(copy, "stack", object.stack);
      return copy;
    }
  }
}

const FIELD = { value: undefined, writable: true, configurable: true };

function ofClass(made: object, prototype: object | null): object {
  return Object.getPrototypeOf(made) === prototype ? made : Object.setPrototypeOf(made, prototype);
}

function fillCopy(copy: object, { kind, keys, values }: Contents, copyOf: (value: unknown) => unknown): void {
  switch (kind) {
    case "array":
      // Holes are skipped, and stay.
      values.forEach((value, index) => {
        (copy as unknown[])[index] = copyOf(value);
      });
      return;
    case "map":
      for (let index = 0; index < values.length; index += 2)
        Map.prototype.set.call(copy, copyOf(values[index]), copyOf(values[index + 1]));
      return;
    case "set":
      for (const value of values) Set.prototype.add.call(copy, copyOf(value));
      return;
    case "fields":
      keys.forEach((key, index) => {
        Object.defineProperty(copy, key, { value: copyOf(values[index]) });
      });
      return;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
