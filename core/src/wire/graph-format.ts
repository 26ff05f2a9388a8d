/**
 * How a value travels that msgpack alone would change: as a table of its objects, in which they refer to each other
 * by number. So cycles and identity are kept, and nesting has no limit.
 *
 *     graph  = GRAPH_MARK, msgpack of [root, nodes, pieces]
 *     slot   = primitive | [number of a node] | [number of an Atom, payload]
 *     node   = [number of a Kind, …]
 *     pieces = source, shift, alignment, source, …       (see `binary-pieces.ts`)
 */

/** The first byte of a graph. No msgpack value begins with it. */
export const GRAPH_MARK = 0xc1;

/** What a node is, and what follows its kind. */
export const Kind = {
  /** key slot, value slot, … */
  object: 0,
  /** slot, … */
  array: 1,
  /** length, index, slot, index, … */
  sparseArray: 2,
  /** key slot, value slot, … */
  map: 3,
  /** slot, … */
  set: 4,
  /** milliseconds since 1970, or NaN */
  date: 5,
  /** source slot, flags */
  regExp: 6,
  /** slot of the primitive */
  boxed: 7,
  /** name, message, stack, where the fields that show among the keys begin, then key slot, value slot, … */
  error: 8,
  /** index of a dependency */
  ref: 9,
  /** first index, count */
  refRange: 10,
  /** index in `VIEW_TYPES`, piece, byte offset in the piece, length in elements (bytes for a DataView) */
  view: 11,
  /** piece */
  arrayBuffer: 12,
} as const;

/** Where the fields of an error begin in its node. */
export const ERROR_FIELDS_AT = 5;

/** A primitive that msgpackr would change. */
export const Atom = {
  negativeZero: 0,
  /** hexadecimal, with a sign */
  bigint: 1,
  /** UTF-16 code units: a string with lone surrogates */
  utf16: 2,
} as const;

export type Slot =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | readonly [node: number]
  | readonly [atom: number, payload: unknown];

/** A kind and what follows it. */
export type GraphNode = unknown[];
export type Graph = readonly [root: Slot, nodes: readonly GraphNode[], pieces: readonly unknown[]];

/** Views of an ArrayBuffer by name. The order is part of the format. */
export const VIEW_TYPES = [
  "Buffer",
  "DataView",
  "Uint8Array",
  "Int8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "Float16Array",
] as const;

/** A count, index or offset that came from another process. */
export function natural(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error("no natural number");
  return value as number;
}
