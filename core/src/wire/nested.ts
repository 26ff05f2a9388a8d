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

/** An object that may hold a future. */
interface Place {
  readonly object: object;
  readonly contents: Contents;
  holdsFuture: boolean;
  /** What holds it, as far as it was met; most objects are held once. */
  readonly holder: Place | undefined;
  readonly otherHolders: Place[];
}

/** The futures in a value as it is now, and that value with theirs in their places. */
export class NestedFutures<Future> {
  /** Each once, in the order in which they stand there. */
  readonly futures: readonly Future[];
  readonly #value: unknown;
  readonly #found: ReadonlyMap<object, Future | readonly Future[]>;
  /** What holds a future, at any depth. */
  readonly #places: readonly Place[];

  constructor(value: unknown, lookup: Lookup<Future>) {
    const { found, places } = walk(value, lookup);
    this.#value = value;
    this.#found = found;
    this.#places = places;
    this.futures = [...new Set([...found.values()].flat() as Future[])];
  }

  /**
   * A copy in which each future is replaced by what `toValue` gives for it, and a list of them by an array. Only what
   * holds a future is copied, an instance of a class as one of the same class: its fields, not what is private.
   */
  fill(toValue: (future: Future) => unknown): unknown {
    const copies = new Map<object, unknown>();
    const copyOf = (value: unknown): unknown => {
      if (!isObject(value)) return value;
      const known = copies.get(value);
      if (known !== undefined) return known;
      const future = this.#found.get(value);
      if (future === undefined) return value;
      if (!Array.isArray(future)) return toValue(future as Future);
      const list = (future as readonly Future[]).map(toValue);
      copies.set(value, list);
      return list;
    };
    // All of them before any is filled: they may hold each other.
    for (const { object, contents } of this.#places) copies.set(object, emptyCopy(object, contents));
    for (const { object, contents } of this.#places) fillCopy(copies.get(object) as object, contents, copyOf);
    return copyOf(this.#value);
  }
}

/** All futures in `value`, and what holds one. Each object is looked at once, so that no getter is called again. */
function walk<Future>(
  value: unknown,
  lookup: Lookup<Future>,
): { readonly found: ReadonlyMap<object, Future | readonly Future[]>; readonly places: readonly Place[] } {
  const found = new Map<object, Future | readonly Future[]>();
  /** Undefined for what holds no object. */
  const known = new Map<object, Place | undefined>();
  const values: unknown[] = [value];
  const holders: (Place | undefined)[] = [undefined];
  const places: Place[] = [];
  // What is found keeps its order: last in, first out, with contents turned around.
  while (values.length > 0) {
    const next = values.pop();
    const holder = holders.pop();
    if (!isObject(next)) continue;
    if (known.has(next)) {
      const place = known.get(next);
      if (place === undefined || holder === undefined) continue;
      if (place.holdsFuture) markHolder(holder, places);
      else place.otherHolders.push(holder);
      continue;
    }
    const future = found.get(next) ?? lookup(next);
    if (future !== undefined) {
      found.set(next, future);
      markHolder(holder, places);
      continue;
    }
    const contents = contentsOf(next);
    if (!contents?.values.some(isObject)) {
      known.set(next, undefined);
      continue;
    }
    const place: Place = { object: next, contents, holdsFuture: false, holder, otherHolders: [] };
    known.set(next, place);
    for (let index = contents.values.length - 1; index >= 0; index--) {
      values.push(contents.values[index]);
      holders.push(place);
    }
  }
  return { found, places: places.map(keepContents) };
}

/** A future was found in `holder`, and so in all that hold it. */
function markHolder(holder: Place | undefined, places: Place[]): void {
  const open = [holder];
  while (open.length > 0) {
    const place = open.pop();
    if (place === undefined || place.holdsFuture) continue;
    place.holdsFuture = true;
    places.push(place);
    open.push(place.holder);
    for (const other of place.otherHolders) open.push(other);
  }
}

/** What becomes of the array later is not in the copy. */
function keepContents(place: Place): Place {
  const { contents } = place;
  if (contents.kind !== "array") return place;
  return { ...place, contents: { ...contents, values: contents.values.slice() } };
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
