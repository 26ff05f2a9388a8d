import { flatten, unflatten } from "../wire/blob-format.ts";
import { INLINE_LIMIT_BYTES } from "../wire/limits.ts";
import { packMessage, Tag, type TaskBody, type WireArgument, type WireValue } from "../wire/protocol.ts";
import { decodeValue, type Encoded, encodeValue, isInline, Ref, RefRange } from "../wire/values.ts";
import { BlobHandle, type BlobStore } from "./blob-store.ts";
import type { EngineTask, FutureLookup, Packed } from "./engine.ts";

/** What an engine keeps of a result: it is not decoded before somebody asks for it. */
export type KeptValue = string | number | boolean | null | undefined | Uint8Array | BlobHandle | KeptList;

/** An array whose elements are kept one by one. */
export class KeptList {
  readonly values: readonly KeptValue[];

  constructor(values: readonly KeptValue[]) {
    this.values = values;
  }
}

/** An argument as it was at submission. */
type PackedArgument = Exclude<WireArgument, readonly unknown[]> | BlobHandle | Ref | RefRange;

/** A value that many tasks get, encoded once. */
class SharedArgument {
  readonly packed: PackedArgument;

  constructor(packed: PackedArgument) {
    this.packed = packed;
  }
}

/** Shared values larger than this are sent to a worker once, not with every task, in bytes. */
const SHARED_INLINE_LIMIT_BYTES = 1024;

/** How values go into messages and come out of them, for every engine whose tasks run elsewhere. */
export class WireValues {
  readonly #blobs: BlobStore;
  /** Bodies that are blobs live as long as their tasks. */
  readonly #bodies = new WeakMap<EngineTask, BlobHandle>();

  constructor(blobs: BlobStore) {
    this.#blobs = blobs;
  }

  pack<Dependency>(
    args: readonly unknown[],
    taskName: string,
    lookup: FutureLookup<Dependency>,
  ): Packed<Dependency> {
    const dependencies: Dependency[] = [];
    const payload = new Array<PackedArgument>(args.length);
    for (let index = 0; index < args.length; index++) {
      const arg = args[index];
      if (isInline(arg)) payload[index] = arg as PackedArgument;
      else if (arg instanceof SharedArgument) payload[index] = arg.packed;
      else {
        const replace = (value: object): Ref | RefRange | undefined => reference(lookup(value), dependencies);
        const whole = typeof arg === "object" && arg !== null ? replace(arg) : undefined;
        payload[index] =
          whole ??
          this.#keep(
            encodeValue(arg, { what: `argument ${index + 1} of task "${taskName}"`, replace }),
            INLINE_LIMIT_BYTES,
          );
      }
    }
    return { payload, dependencies };
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

  /** What goes to the worker: arguments, and the values of what they refer to. */
  body(task: EngineTask): TaskBody {
    const args = (task.payload as readonly PackedArgument[]).map(wireArgument);
    const dependencies = task.dependencies.map(({ value }) => wireValue(value as KeptValue));
    const body: TaskBody = [args, dependencies];
    if (dependencies.length < MANY_DEPENDENCIES) return body;
    // A reduction over very many values is a large value itself.
    const meta = packMessage(body);
    if (meta.byteLength <= INLINE_LIMIT_BYTES) return body;
    const handle = this.#blobs.put({ meta, buffers: [], byteLength: meta.byteLength });
    this.#bodies.set(task, handle);
    return handle.wire;
  }

  /** What is kept of a result that came in a message. */
  received(value: WireValue): KeptValue {
    if (!Array.isArray(value)) return value as KeptValue;
    if (value[0] === Tag.list)
      return new KeptList((value[1] as readonly WireValue[]).map((element) => this.received(element)));
    return this.#blobs.handle(value[1] as string, value[2] as number);
  }

  gather(values: readonly unknown[]): KeptList {
    return new KeptList(values as readonly KeptValue[]);
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

  async #fetch(handle: BlobHandle): Promise<unknown> {
    return decodeValue(await this.#blobs.get(handle.id));
  }

  #keep(encoded: Encoded, inlineLimitBytes: number): Uint8Array | BlobHandle {
    return encoded.byteLength <= inlineLimitBytes ? flatten(encoded) : this.#blobs.put(encoded);
  }
}

/** Fewer dependencies than this are never worth a blob of their own. */
const MANY_DEPENDENCIES = 1000;

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

function wireArgument(arg: PackedArgument): WireArgument {
  if (typeof arg !== "object" || arg === null || arg instanceof Uint8Array) return arg;
  if (arg instanceof Ref) return [Tag.ref, arg.index];
  if (arg instanceof RefRange) return [Tag.refRange, arg.start, arg.count];
  return arg.wire;
}

function wireValue(value: KeptValue): WireValue {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (value instanceof KeptList) return [Tag.list, value.values.map(wireValue)];
  return value.wire;
}
