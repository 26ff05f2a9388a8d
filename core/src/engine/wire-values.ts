import type { EngineTask, FutureLookup, Packed } from "../contracts/engine.ts";
import { checkBlobId } from "../wire/blob-file.ts";
import { flatten, unflatten } from "../wire/blob-format.ts";
import { type LargeList, Tag, type TaskBodies, type WireArgument, type WireValue } from "../wire/envelope.ts";
import { INLINE_LIMIT_BYTES } from "../wire/limits.ts";
import { packMessage } from "../wire/message.ts";
import { decodeValue, type Encoded, encodeValue, isInline, Ref, RefRange } from "../wire/values.ts";
import { BlobHandle, type BlobStore } from "./blob-store.ts";

/** What an engine keeps of a result: it is not decoded before somebody asks for it. */
export type KeptValue = string | number | boolean | null | undefined | Uint8Array | BlobHandle | KeptList;

/** An array whose elements are kept one by one. */
export class KeptList {
  readonly values: readonly KeptValue[];

  constructor(values: readonly KeptValue[]) {
    this.values = values;
  }
}

/** A value that many tasks get, encoded once. */
class SharedArgument {
  readonly wire: WireArgument;
  readonly handle: BlobHandle | undefined;

  constructor(kept: Uint8Array | BlobHandle) {
    this.handle = kept instanceof BlobHandle ? kept : undefined;
    this.wire = kept instanceof BlobHandle ? kept.wire : kept;
  }
}

/** So many arguments or fewer are not counted: each is small, or a blob. */
const FEW_ARGUMENTS = 64;
/** What the name of a blob takes in a message, in bytes. */
const BLOB_BYTES = 48;

/** Shared values larger than this are sent to a worker once, not with every task, in bytes. */
const SHARED_INLINE_LIMIT_BYTES = 1024;

/** How values go into messages and come out of them, for every engine whose tasks run elsewhere. */
export class WireValues {
  readonly #blobs: BlobStore;
  readonly #retained = new WeakMap<object, BlobHandle[]>();

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  pack<Dependency>(
    args: readonly unknown[],
    taskName: string,
    lookup: FutureLookup<Dependency>,
  ): Packed<Dependency> {
    const payload = new Array<WireArgument>(args.length);
    let dependencies: Dependency[] | undefined;
    for (let index = 0; index < args.length; index++) {
      const arg = args[index];
      if (isInline(arg)) {
        payload[index] = arg;
        continue;
      }
      dependencies ??= [];
      payload[index] = this.#packArgument(arg, {
        what: `argument ${index + 1} of task "${taskName}"`,
        dependencies,
        lookup,
        payload,
      });
    }
    const isMany = payload.length > FEW_ARGUMENTS;
    return { payload: isMany ? this.#listed(payload) : payload, dependencies: dependencies ?? NONE };
  }

  #packArgument<Dependency>(
    arg: unknown,
    into: { what: string; dependencies: Dependency[]; lookup: FutureLookup<Dependency>; payload: object },
  ): WireArgument {
    const { what, dependencies, lookup, payload } = into;
    if (arg instanceof SharedArgument) {
      if (arg.handle !== undefined) this.#retain(payload, arg.handle);
      return arg.wire;
    }
    const replace = (value: object): Ref | RefRange | undefined => reference(lookup(value), dependencies);
    const whole = typeof arg === "object" && arg !== null ? replace(arg) : undefined;
    if (whole instanceof Ref) return [Tag.ref, whole.index];
    if (whole instanceof RefRange) return [Tag.refRange, whole.start, whole.count];
    const kept = this.#keep(encodeValue(arg, { what, replace }), INLINE_LIMIT_BYTES);
    if (!(kept instanceof BlobHandle)) return kept;
    this.#retain(payload, kept);
    return kept.wire;
  }

  share(value: unknown, taskName: string, lookup: FutureLookup<unknown>): unknown {
    if (isInline(value)) return value;
    let hasFutures = false;
    const replace = (candidate: object): Ref | undefined => {
      if (lookup(candidate) === undefined) return undefined;
      hasFutures = true;
      return new Ref(0);
    };
    if (typeof value === "object" && replace(value as object) !== undefined) return value;
    const encoded = encodeValue(value, { what: `an unmapped argument of task "${taskName}"`, replace });
    return hasFutures ? value : new SharedArgument(this.#keep(encoded, SHARED_INLINE_LIMIT_BYTES));
  }

  /** What the arguments of a task take in a message, about. */
  argumentBytes(task: EngineTask): number {
    const payload = task.payload as readonly WireArgument[] | LargeList;
    let bytes = task.dependencies.length === 0 ? 0 : INLINE_LIMIT_BYTES;
    if (!Array.isArray(payload)) return bytes;
    for (let index = 0; index < payload.length; index++) {
      const arg = payload[index];
      if (typeof arg === "string") bytes += arg.length;
      else if (arg instanceof Uint8Array) bytes += arg.byteLength;
    }
    return bytes;
  }

  /** What goes to the worker: the arguments of tasks, and the values that they refer to. */
  bodies(tasks: readonly { readonly task: EngineTask }[]): TaskBodies {
    const args = new Array<readonly WireArgument[] | LargeList>(tasks.length);
    let dependencies: TaskBodies[1];
    for (let index = 0; index < tasks.length; index++) {
      const { task } = tasks[index]!;
      args[index] = task.payload as readonly WireArgument[] | LargeList;
      if (task.dependencies.length === 0) continue;
      dependencies ??= new Array(tasks.length).fill(undefined);
      (dependencies as unknown[])[index] = this.#dependenciesOf(task);
    }
    return [args, dependencies];
  }

  #dependenciesOf(task: EngineTask): readonly WireValue[] | LargeList {
    const values = task.dependencies.map(({ value }) => wireValue(value as KeptValue));
    if (atLeastBytes(values, INLINE_LIMIT_BYTES) < INLINE_LIMIT_BYTES) return values;
    const handle = this.#putList(values);
    this.#retain(task, handle);
    return { blob: handle.wire };
  }

  #listed(args: readonly WireArgument[]): readonly WireArgument[] | LargeList {
    if (atLeastBytes(args, INLINE_LIMIT_BYTES) < INLINE_LIMIT_BYTES) return args;
    const handle = this.#putList(args);
    const listed: LargeList = { blob: handle.wire };
    this.#retained.set(listed, [handle, ...(this.#retained.get(args) ?? [])]);
    return listed;
  }

  /** Very many values are a large one themselves. */
  #putList(values: readonly WireArgument[]): BlobHandle {
    const meta = packMessage(values);
    return this.#blobs.put({ meta, buffers: [], byteLength: meta.byteLength });
  }

  /** Keeps a blob for as long as what it belongs to. */
  #retain(owner: object, handle: BlobHandle): void {
    const retained = this.#retained.get(owner);
    if (retained === undefined) this.#retained.set(owner, [handle]);
    else retained.push(handle);
  }

  /** What is kept of a result that came in a message. Throws when it is none. */
  received(value: WireValue): KeptValue {
    if (!Array.isArray(value)) return value as KeptValue;
    if (value[0] === Tag.list)
      return new KeptList((value[1] as readonly WireValue[]).map((element) => this.received(element)));
    return this.#blobs.handle(checkBlobId(value[1]), value[2] as number);
  }

  gather(values: readonly unknown[]): KeptList {
    return new KeptList(values as readonly KeptValue[]);
  }

  keep(value: unknown, what: string): KeptValue {
    return isInline(value) ? value : this.#keep(encodeValue(value, { what }), INLINE_LIMIT_BYTES);
  }

  /** What another one keeps; undefined when it cannot be had without decoding it. */
  takeOver(value: unknown, from: WireValues): { readonly kept: KeptValue } | undefined {
    try {
      return { kept: this.#takeOver(value as KeptValue, from) };
    } catch {
      return undefined;
    }
  }

  #takeOver(kept: KeptValue, from: WireValues): KeptValue {
    if (kept instanceof KeptList)
      return new KeptList(kept.values.map((element) => this.#takeOver(element, from)));
    return kept instanceof BlobHandle ? this.#blobs.link(kept, from.#blobs) : kept;
  }

  unpack(value: unknown): unknown | Promise<unknown> {
    const kept = value as KeptValue;
    if (kept instanceof Uint8Array) return decodeValue(unflatten(kept));
    if (kept instanceof BlobHandle) return this.#fetch(kept);
    if (kept instanceof KeptList) return this.#unpackList(kept);
    return kept;
  }

  #unpackList(list: KeptList): unknown[] | Promise<unknown[]> {
    const values = list.values.map((element) => this.unpack(element));
    return values.some((element) => element instanceof Promise) ? Promise.all(values) : values;
  }

  #fetch(handle: BlobHandle): unknown | Promise<unknown> {
    const parts = this.#blobs.get(handle.id);
    return parts instanceof Promise ? parts.then((fetched) => decodeValue(fetched)) : decodeValue(parts);
  }

  #keep(encoded: Encoded, inlineLimitBytes: number): Uint8Array | BlobHandle {
    return encoded.byteLength <= inlineLimitBytes ? flatten(encoded) : this.#blobs.put(encoded);
  }
}

const NONE: readonly never[] = [];

function reference<Dependency>(
  found: Dependency | readonly Dependency[] | undefined,
  dependencies: Dependency[],
): Ref | RefRange | undefined {
  if (found === undefined) return undefined;
  if (Array.isArray(found)) {
    const range = new RefRange(dependencies.length, found.length);
    for (const element of found as readonly Dependency[]) dependencies.push(element);
    return range;
  }
  dependencies.push(found as Dependency);
  return new Ref(dependencies.length - 1);
}

function wireValue(value: KeptValue): WireValue {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (value instanceof KeptList) return [Tag.list, value.values.map(wireValue)];
  return value.wire;
}

/** What values take in a message, about; counting ends at `enough`. */
function atLeastBytes(values: readonly WireArgument[], enough: number): number {
  let bytes = 0;
  for (let index = 0; index < values.length && bytes < enough; index++) {
    const value = values[index];
    if (value instanceof Uint8Array) bytes += value.byteLength;
    else if (typeof value === "string") bytes += value.length;
    else if (Array.isArray(value) && value[0] === Tag.list) {
      bytes += atLeastBytes(value[1] as readonly WireValue[], enough - bytes);
    } else bytes += Array.isArray(value) ? BLOB_BYTES : 8;
  }
  return bytes;
}
