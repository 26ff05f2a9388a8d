import { MusterError } from "../base/errors.ts";
import type { Engine, FutureLookup, Packed } from "../contracts/engine.ts";
import type { Node } from "./task-run.ts";

/** What a mapped task runs over: a value for each element, known now or later, or the same for all. */
export type MapSource =
  | {
      readonly kind: "elements";
      readonly elements: readonly unknown[];
      /** Of what made them, if a task did. @default 0 */
      readonly depth?: number;
    }
  | { readonly kind: "node"; readonly node: Node }
  | { readonly kind: "same"; readonly value: unknown };

/** What arguments are packed with. */
export interface Packing {
  readonly engine: Pick<Engine, "pack" | "share">;
  readonly lookup: FutureLookup<Node>;
}

/**
 * The arguments of a task an element, from sources that are all known; what is the same for all travels once.
 * @throws MusterError when two have different lengths, or none has one
 * @throws NotSerializableError for an argument that cannot travel
 */
export function packElements(
  name: string,
  sources: readonly MapSource[],
  { engine, lookup }: Packing,
): Packed<Node>[] {
  const width = mapWidth(name, sources);
  const shared = sources.map((source) =>
    source.kind === "same" ? engine.share(source.value, name, lookup) : undefined,
  );
  const packed = new Array<Packed<Node>>(width);
  for (let element = 0; element < width; element++) {
    const args = new Array<unknown>(sources.length);
    for (let index = 0; index < sources.length; index++) {
      const source = sources[index]!;
      args[index] = source.kind === "elements" ? source.elements[element] : shared[index];
    }
    packed[element] = engine.pack(args, name, lookup);
  }
  return packed;
}

/** How many tasks, one behind another, led to the elements of these. */
export function depthOf(sources: readonly MapSource[]): number {
  return Math.max(...sources.map((source) => (source.kind === "elements" ? (source.depth ?? 0) : 0)));
}

function mapWidth(name: string, sources: readonly MapSource[]): number {
  const widths = sources.flatMap((source) => (source.kind === "elements" ? [source.elements.length] : []));
  if (widths.length === 0) {
    throw new MusterError(
      "INVALID_OPTION",
      `Task "${name}" was mapped over nothing: give at least one argument that is not unmapped().`,
    );
  }
  if (widths.some((width) => width !== widths[0])) {
    throw new MusterError(
      "INVALID_OPTION",
      `Task "${name}" was mapped over lists of different lengths: ${widths.join(", ")}.`,
    );
  }
  return widths[0]!;
}
