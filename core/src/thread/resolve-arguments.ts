import { MusterError } from "../base/errors.ts";
import type { EncodedParts } from "../wire/blob-file.ts";
import { unflatten } from "../wire/blob-format.ts";
import {
  type LargeList,
  Tag,
  type TaskBodies,
  type TaskBody,
  type WireArgument,
  type WireValue,
} from "../wire/envelope.ts";
import { unpackMessage } from "../wire/message.ts";
import { decodeValue, Ref, type RefRange } from "../wire/values.ts";

/** Fetches a large value. */
export type BlobSource = (id: string) => Promise<EncodedParts>;

/** The arguments of one task of a batch: at once, or, when large values have to be fetched first, later. */
export function argumentsAt(
  [allArgs, allDependencies]: TaskBodies,
  index: number,
  blobs: BlobSource,
): unknown[] | Promise<unknown[]> {
  const args = allArgs[index]!;
  const dependencies = allDependencies?.[index];
  if (!isLarge(args) && !isLarge(dependencies)) return resolveArguments({ args, dependencies }, blobs);
  return Promise.all([whole(args, blobs), whole(dependencies, blobs)]).then(([allOfThem, values]) =>
    resolveArguments({ args: allOfThem, dependencies: values }, blobs),
  );
}

function isLarge(list: object | undefined): list is LargeList {
  return list !== undefined && !Array.isArray(list);
}

/** A list, also where it is so long that it came as a blob. */
async function whole<List extends readonly WireArgument[] | undefined>(
  list: List | LargeList,
  blobs: BlobSource,
): Promise<List> {
  if (!isLarge(list)) return list;
  const { meta } = await blobs(list.blob[1]);
  return unpackMessage<List>(meta);
}

function resolveArguments(body: TaskBody, blobs: BlobSource): unknown[] | Promise<unknown[]> {
  const { args, dependencies = NONE } = body;
  let wanted: Set<string> | undefined;
  for (let index = 0; index < args.length; index++) wanted = collectBlobs(args[index], wanted);
  for (let index = 0; index < dependencies.length; index++)
    wanted = collectBlobs(dependencies[index], wanted);
  if (wanted === undefined) return new ArgumentResolver(dependencies, undefined).arguments(args);
  return fetchAll(wanted, blobs).then((fetched) =>
    new ArgumentResolver(dependencies, fetched).arguments(args),
  );
}

const NONE: readonly WireValue[] = [];

async function fetchAll(ids: Iterable<string>, blobs: BlobSource): Promise<Map<string, EncodedParts>> {
  const fetched = new Map<string, EncodedParts>();
  await Promise.all(
    Array.from(ids, async (id) => {
      fetched.set(id, await blobs(id));
    }),
  );
  return fetched;
}

/** The set with the blobs of `value` added; made when there is a first one. */
function collectBlobs(value: WireArgument, wanted: Set<string> | undefined): Set<string> | undefined {
  if (!Array.isArray(value)) return wanted;
  if (value[0] === Tag.blob) return (wanted ?? new Set()).add(value[1] as string);
  if (value[0] !== Tag.list) return wanted;
  let collected = wanted;
  for (const element of value[1] as readonly WireValue[]) collected = collectBlobs(element, collected);
  return collected;
}

/** A dependency that several arguments refer to is one object in all of them, as it would be in one process. */
class ArgumentResolver {
  readonly #dependencies: readonly WireValue[];
  readonly #blobs: ReadonlyMap<string, EncodedParts> | undefined;
  readonly #resolved: unknown[] = [];

  constructor(dependencies: readonly WireValue[], blobs: ReadonlyMap<string, EncodedParts> | undefined) {
    this.#dependencies = dependencies;
    this.#blobs = blobs;
  }

  arguments(args: readonly WireArgument[]): unknown[] {
    const values = new Array<unknown>(args.length);
    for (let index = 0; index < args.length; index++) values[index] = this.#argument(args[index]);
    return values;
  }

  #argument(arg: WireArgument): unknown {
    if (!Array.isArray(arg)) return this.#value(arg as WireValue);
    if (arg[0] === Tag.ref) return this.#dependency(arg[1] as number);
    if (arg[0] === Tag.refRange) return this.#range(arg[1] as number, arg[2] as number);
    return this.#value(arg as WireValue);
  }

  #value(value: WireValue): unknown {
    if (value instanceof Uint8Array) return this.#decode(unflatten(value));
    if (!Array.isArray(value)) return value;
    if (value[0] === Tag.list)
      return (value[1] as readonly WireValue[]).map((element) => this.#value(element));
    return this.#decode(this.#blobs!.get(value[1] as string)!);
  }

  #decode(parts: EncodedParts): unknown {
    return decodeValue(parts, (ref: Ref | RefRange) =>
      ref instanceof Ref ? this.#dependency(ref.index) : this.#range(ref.start, ref.count),
    );
  }

  #dependency(index: number): unknown {
    if (index >= this.#dependencies.length)
      throw new MusterError("PROTOCOL", `There is no dependency ${index}.`);
    if (!(index in this.#resolved)) this.#resolved[index] = this.#value(this.#dependencies[index]);
    return this.#resolved[index];
  }

  #range(start: number, count: number): unknown[] {
    return Array.from({ length: count }, (_, offset) => this.#dependency(start + offset));
  }
}
