/**
 * A value inside an envelope. What is inline (see `isInline`) is there itself; what is encoded is bytes; the rest is
 * a list that starts with its tag, which no inline value is.
 */
export const Tag = { ref: 0, blob: 1, list: 2, refRange: 3 } as const;

export type BlobValue = readonly [tag: typeof Tag.blob, id: string, byteLength: number];
export type ListValue = readonly [tag: typeof Tag.list, values: readonly WireValue[]];
export type RefValue = readonly [tag: typeof Tag.ref, index: number];
export type RefRangeValue = readonly [tag: typeof Tag.refRange, start: number, count: number];

/** A result, or the value of a dependency. */
export type WireValue = string | number | boolean | null | undefined | Uint8Array | BlobValue | ListValue;
/** An argument: a value, or what stands for a dependency's. */
export type WireArgument = WireValue | RefValue | RefRangeValue;

/** What a task gets: its arguments, and the values that they refer to. */
export interface TaskBody {
  readonly args: readonly WireArgument[];
  /** Undefined where the arguments refer to nothing. */
  readonly dependencies: readonly WireValue[] | undefined;
}

/** The bodies of a batch, as two columns. */
export type TaskBodies = readonly [
  args: readonly (readonly WireArgument[] | LargeList)[],
  dependencies: readonly (readonly WireValue[] | LargeList | undefined)[] | undefined,
];

/** Very many arguments, or values that they refer to, as in a reduction: the list of them is a blob, packed. */
export interface LargeList {
  readonly blob: BlobValue;
}
