import { Packr, RESERVE_START_SPACE } from "msgpackr";
import { MusterError } from "../base/errors.ts";
import { GRAPH_MARK } from "./graph-format.ts";
import { GraphReader } from "./graph-reader.ts";
import { writeGraph } from "./graph-writer.ts";
import { isPlain } from "./plain.ts";
import type { Ref, RefRange } from "./refs.ts";
import { notSerializable } from "./unserializable.ts";

export { Ref, RefRange } from "./refs.ts";

/*
 * What travels, as with structured clone: plain objects and arrays (holes stay), all primitives but symbols, Map, Set,
 * Date, RegExp, boxed primitives, Error, ArrayBuffer and its views; cycles, and the identity of what a value holds
 * twice. A Buffer arrives as a Buffer. An instance of another class arrives as a plain object with its own enumerable
 * fields; `toJSON` is never called. Left out, as in JSON: symbol keys, and named properties of arrays, Maps and the like.
 *
 * Views of one ArrayBuffer still share memory on arrival where they overlapped; memory that no view shows stays here.
 */

export type Inline = number | string | boolean | null | undefined;

const MAX_INLINE_LENGTH = 1024;

/**
 * Values that need no encoding: they ride directly inside an envelope that is itself packed with msgpackr.
 * That is a number but -0, a short string without lone surrogates, a boolean, null, undefined.
 */
export function isInline(value: unknown): value is Inline {
  switch (typeof value) {
    case "number":
      return value !== 0 || !Object.is(value, -0);
    case "string":
      return value.length <= MAX_INLINE_LENGTH && value.isWellFormed();
    case "boolean":
    case "undefined":
      return true;
    default:
      return value === null;
  }
}

/** One value in the form that travels: large binary is out of band, never copied. */
export interface Encoded {
  /** Everything but `buffers`. It may be a view of memory that is shared with other small values: never transfer it. */
  readonly meta: Uint8Array;
  /** Views of the value's own memory: what is written there before they are sent is what arrives. */
  readonly buffers: readonly Uint8Array[];
  /** Of `meta` and `buffers` together. */
  readonly byteLength: number;
}

export interface EncodeOptions {
  /** How messages name the value: `argument 1 of task "count"`, `the result of task "count"`. */
  readonly what: string;
  /**
   * Called once for every object that is neither a plain object nor a plain array. What it returns travels in place
   * of the object; undefined: the object itself.
   */
  readonly replace?: (value: object) => Ref | RefRange | undefined;
  /** An instance arrives as a plain object, or as the built-in class that it extends. Told once per class and value. */
  readonly onPrototypeLost?: (path: string, constructorName: string) => void;
  /**
   * Leaves out what cannot travel instead of throwing, as the socket in an error of a client.
   * @default false; what hangs on an Error inside the value is always treated so
   */
  readonly skipUnserializable?: boolean;
}

const packr = new Packr({ useRecords: false, variableMapSize: true, useToJSON: false });
// `structuredClone: false` refuses msgpackr's own references, which could make a small message a huge tree
const unpackr = new Packr({ useRecords: false, structuredClone: false });

const NO_BUFFERS: readonly Uint8Array[] = [];
const LARGE_META_BYTES = 32 * 1024;
const FRESH_TARGET_BYTES = 8 * 1024;

/**
 * Encodes a value by itself: nothing is shared with other encoded values.
 * @throws NotSerializableError for what cannot travel (a function, a symbol, a Promise, a socket …), with its path
 */
export function encodeValue(value: unknown, options: EncodeOptions): Encoded {
  try {
    if (isPlain(value)) return encoded(packr.pack(value), NO_BUFFERS);
    const { graph, buffers } = writeGraph(value, options);
    const meta = packr.pack(graph, RESERVE_START_SPACE | 1);
    meta[0] = GRAPH_MARK;
    return encoded(meta, buffers);
  } catch (error) {
    if (error instanceof MusterError) throw error;
    // a getter or a Proxy of the user threw
    const reason = error instanceof Error ? error.message : String(error);
    throw notSerializable(options.what, "", `not readable: ${reason}`, error);
  }
}

function encoded(meta: Buffer, buffers: readonly Uint8Array[]): Encoded {
  let byteLength = meta.byteLength;
  for (const buffer of buffers) byteLength += buffer.byteLength;
  // msgpackr would go on in the memory that it grew for this value, and small values would keep it alive
  if (meta.byteLength > LARGE_META_BYTES) packr.useBuffer(Buffer.allocUnsafeSlow(FRESH_TARGET_BYTES));
  return { meta, buffers, byteLength };
}

/**
 * The value again. Large binary is not copied: it shows the memory of `buffers`, which whoever writes to it changes.
 * A copy is made only where a typed array or ArrayBuffer cannot begin where its buffer does.
 * @param resolveRef gives the values that `Ref` and `RefRange` stand for; what it throws is thrown
 * @throws MusterError `PROTOCOL` for bytes that `encodeValue` did not make
 */
export function decodeValue(
  { meta, buffers }: Pick<Encoded, "meta" | "buffers">,
  resolveRef?: (ref: Ref | RefRange) => unknown,
): unknown {
  if (meta[0] !== GRAPH_MARK) return guarded(() => unpackr.unpack(meta) as unknown);
  const [reader, references] = guarded(() => {
    const graph = new GraphReader(unpackr.unpack(meta.subarray(1)), buffers);
    return [graph, [...graph.references()]];
  });
  const resolved = new Map<number, unknown>();
  for (const [node, ref] of references) {
    if (resolveRef === undefined)
      throw new MusterError("PROTOCOL", "A value that must stand alone refers to others.");
    resolved.set(node, resolveRef(ref));
  }
  return guarded(() => reader.read(resolved));
}

function guarded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MusterError(
      "PROTOCOL",
      `The bytes of a value are damaged or from another version: ${reason}.`,
      { cause },
    );
  }
}
