import { EventEmitter } from "node:events";
import { NotSerializableError } from "../base/errors.ts";

const READ_FIRST = "which only the process that made it can read; read it and pass its content";
const ADVICE: Readonly<Record<string, string>> = {
  Promise: "which belongs to one process; await it and pass its value",
  TaskFuture: "which belongs to its run; await it and pass its value",
  WeakMap: "whose entries cannot be read; pass a Map",
  WeakSet: "whose entries cannot be read; pass a Set",
  WeakRef: "which belongs to one process; pass what `deref()` gives",
  FinalizationRegistry: "which belongs to one process; leave it out",
  SharedArrayBuffer: "and processes do not share memory; pass a copy, `new Uint8Array(it).slice()`",
  URL: "whose fields are private; pass its `href`",
  URLSearchParams: "whose fields are private; pass `String(it)`",
  Blob: READ_FIRST,
  File: READ_FIRST,
  Request: READ_FIRST,
  Response: READ_FIRST,
  Headers: "whose fields are private; pass `[...it]`",
  FormData: "whose fields are private; pass `[...it]`",
  ReadableStream: READ_FIRST,
  WritableStream: READ_FIRST,
  TransformStream: READ_FIRST,
};

/** Classes of values that the codec knows by their internals: what is an instance and has no such internals is a proxy. */
const WITH_INTERNALS = [
  Map,
  Set,
  Date,
  RegExp,
  ArrayBuffer,
  DataView,
  Object.getPrototypeOf(Uint8Array),
] as const;

/** Why an object of a class cannot travel and what to do instead, to follow "… is "; undefined if it can. */
export function whyUnserializable(value: object): string | undefined {
  const name = constructorNameOf(value);
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  const advice = Object.hasOwn(ADVICE, tag) ? ADVICE[tag] : undefined;
  if (advice !== undefined) return `a ${tag}, ${advice}`;
  if (/(Iterator|Generator)$/.test(tag))
    return `a ${tag}, which runs in one process; pass an array, \`[...it]\``;
  if (value instanceof EventEmitter || value instanceof EventTarget) {
    return `a ${name}, an open resource of this process; pass what is needed to open it there (a path, a port, an address)`;
  }
  const imitated = WITH_INTERNALS.find((known) => value instanceof known);
  if (imitated !== undefined)
    return `a Proxy of a ${name}, whose content cannot be read; pass the ${name} itself`;
  return undefined;
}

/** The same for a function or a symbol. */
export function whyPrimitiveUnserializable(value: unknown): string {
  if (typeof value === "symbol")
    return `a symbol (${String(value)}), which belongs to one process; pass a string`;
  const name = typeof value === "function" && typeof value.name === "string" ? value.name : "";
  return `a function${name === "" ? "" : ` (${name})`}, and functions do not travel as values; pass data, and import the function where it is called`;
}

export function constructorNameOf(value: object): string {
  const made: unknown = value.constructor;
  return typeof made === "function" && made.name !== "" ? made.name : "Object";
}

/**
 * The error for a value inside an encoded one. A path goes before " of …" in `what`:
 * `argument 1 of task "count"` and `.onDone` give `argument 1.onDone of task "count"`.
 */
export function notSerializable(
  what: string,
  path: string,
  why: string,
  cause?: unknown,
): NotSerializableError {
  const [subject, owner] = splitSubject(what);
  const message = `${subject.charAt(0).toUpperCase()}${subject.slice(1)}${path}${owner} is ${why}.`;
  return new NotSerializableError(subject + path, message, cause === undefined ? undefined : { cause });
}

/** Where a value is, as `notSerializable` names it. */
export function locate(what: string, path: string): string {
  return splitSubject(what)[0] + path;
}

function splitSubject(what: string): [subject: string, owner: string] {
  const at = what.indexOf(" of ");
  return at < 0 ? [what, ""] : [what.slice(0, at), what.slice(at)];
}

const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** One step of a path: `.name`, `["a name"]`, `[3]`; for a Map `.get("key")`, for entry keys and Sets their position. */
export function pathStep(parent: object, key: string | number): string {
  if (parent instanceof Map && typeof key === "number") return mapStep(parent, key);
  if (parent instanceof Set && typeof key === "number") return `.values()[${key}]`;
  if (typeof key === "number") return `[${key}]`;
  return NAME.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** @param position counts keys and values: 0 is the first key, 1 its value, 2 the second key */
function mapStep(parent: Map<unknown, unknown>, position: number): string {
  const entry = position >> 1;
  if (position % 2 === 0) return `.keys()[${entry}]`;
  const key = [...parent.keys()][entry];
  return typeof key === "string" || typeof key === "number"
    ? `.get(${JSON.stringify(key)})`
    : `.values()[${entry}]`;
}
