import { MusterError } from "../base/errors.ts";
import type { Node } from "./task-run.ts";

/** What a mapped task runs over: a value for each element, known now or later, or the same for all. */
export type MapSource =
  | { readonly kind: "elements"; readonly elements: readonly unknown[] }
  | { readonly kind: "node"; readonly node: Node }
  | { readonly kind: "same"; readonly value: unknown };

/**
 * How many elements sources have that are all known.
 * @throws MusterError when two have different lengths, or none has one
 */
export function mapWidth(name: string, sources: readonly MapSource[]): number {
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
