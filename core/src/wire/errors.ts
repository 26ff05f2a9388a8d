import { brand, MusterError, type MusterErrorCode, toError, UNREADABLE } from "../base/errors.ts";
import { flatten, unflatten } from "./blob-format.ts";
import { isError, makeError, setField, setHidden } from "./error-classes.ts";
import { decodeValue, encodeValue } from "./values.ts";

/** A thrown error in the form that travels: plain, so that msgpackr packs it as it is. */
export interface ErrorRecord {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly code?: string | number | undefined;
  /** Set when `code` is one of Muster's own. */
  readonly muster?: true | undefined;
  readonly cause?: ErrorRecord | ValueRecord | undefined;
  /** Of an `AggregateError`. */
  readonly errors?: readonly (ErrorRecord | ValueRecord)[] | undefined;
  /** The error's own fields as one object, encoded and flattened. */
  readonly data?: Uint8Array | undefined;
}

/** What stands where an error is expected and is none, as the cause in `new Error("…", { cause: 3 })`. */
export interface ValueRecord {
  /** Encoded and flattened; undefined when it cannot travel. */
  readonly value: Uint8Array | undefined;
}

/** Fields that have a place of their own in a record. `errors` has one when it is a list, and `code` as a string or number. */
const STANDARD_FIELDS: ReadonlySet<string> = new Set(["name", "message", "stack", "cause"]);

const MAX_TEXT_LENGTH = 64 * 1024;
const MAX_DEPTH = 20;
const MAX_RECORDS = 50;
const MAX_DATA_BYTES = 1024 * 1024;
const MAX_FIELD_BYTES = 64 * 1024;

/**
 * Takes what was thrown, whatever it is. Never throws: what cannot travel is left out, chains of causes end after 20,
 * long texts after 64 KiB, and all fields together after 1 MiB. A `RemoteTaskError` travels as the error it stands for.
 */
export function encodeError(thrown: unknown): ErrorRecord {
  const writer = new RecordWriter();
  try {
    if (isError(thrown)) return writer.error(thrown, 0);
    // the stack is of this place and would mislead
    return { ...writer.error(toError(thrown), 0), stack: undefined };
  } catch {
    return { name: "Error", message: UNREADABLE };
  }
}

class RecordWriter {
  readonly #seen = new Set<Error>();
  #bytesLeft = MAX_DATA_BYTES;

  error(error: Error, depth: number): ErrorRecord {
    this.#seen.add(error);
    const { name, code, fields } = originalOf(error);
    const { stack, errors } = error as { stack?: unknown; errors?: unknown };
    return {
      name: text(name) || "Error",
      message: text(error.message),
      stack: typeof stack === "string" ? text(stack) : undefined,
      code: typeof code === "string" ? text(code) : code,
      muster: error instanceof MusterError && !(error instanceof RemoteTaskError) ? true : undefined,
      data: this.#data(fields),
      cause: Object.hasOwn(error, "cause") ? this.#any(error.cause, depth + 1) : undefined,
      errors: Array.isArray(errors)
        ? errors.slice(0, MAX_RECORDS).flatMap((each) => this.#any(each, depth + 1) ?? [])
        : undefined,
    };
  }

  /** undefined for what is too deep or too much, or was there before. */
  #any(value: unknown, depth: number): ErrorRecord | ValueRecord | undefined {
    if (!isError(value)) return { value: this.#taken(encodeSmall(value, this.#bytesLeft)) };
    if (depth >= MAX_DEPTH || this.#seen.size >= MAX_RECORDS || this.#seen.has(value)) return undefined;
    return this.error(value, depth);
  }

  /** All fields as one object; where that is too large, those that are small. */
  #data(fields: ReadonlyMap<string, unknown>): Uint8Array | undefined {
    if (fields.size === 0) return undefined;
    const whole = encodeSmall(asObject(fields), this.#bytesLeft);
    return this.#taken(whole ?? encodeSmall(asObject(smallOf(fields, this.#bytesLeft)), this.#bytesLeft));
  }

  #taken(bytes: Uint8Array | undefined): Uint8Array | undefined {
    this.#bytesLeft -= bytes?.byteLength ?? 0;
    return bytes;
  }
}

function originalOf(error: Error): {
  name: unknown;
  code: string | number | undefined;
  fields: Map<string, unknown>;
} {
  if (error instanceof RemoteTaskError) {
    return { name: error.remoteName, code: error.remoteCode, fields: new Map(Object.entries(error.data)) };
  }
  const fields = new Map<string, unknown>(Object.entries(error).filter(([key]) => !STANDARD_FIELDS.has(key)));
  if (Array.isArray(fields.get("errors"))) fields.delete("errors");
  const { name, code } = error as { name: unknown; code?: unknown };
  if (typeof code !== "string" && typeof code !== "number") return { name, code: undefined, fields };
  fields.delete("code");
  return { name, code, fields };
}

function smallOf(fields: ReadonlyMap<string, unknown>, maxBytes: number): Map<string, unknown> {
  const small = new Map<string, unknown>();
  let bytes = 0;
  for (const [key, value] of fields) {
    const size = encodeSmall(value, MAX_FIELD_BYTES)?.byteLength;
    if (size === undefined || bytes + size > maxBytes / 2) continue;
    bytes += size;
    small.set(key, value);
  }
  return small;
}

function asObject(fields: ReadonlyMap<string, unknown>): object {
  const object = {};
  for (const [key, value] of fields) setField(object, key, value);
  return object;
}

function encodeSmall(value: unknown, maxBytes: number): Uint8Array | undefined {
  try {
    const encoded = encodeValue(value, { what: "a field of an error", skipUnserializable: true });
    return encoded.byteLength > maxBytes ? undefined : flatten(encoded);
  } catch {
    return undefined; // a getter of the user threw
  }
}

function text(value: unknown): string {
  let whole: string;
  try {
    whole = String(value).toWellFormed();
  } catch {
    whole = "";
  }
  return whole.length <= MAX_TEXT_LENGTH ? whole : `${whole.slice(0, MAX_TEXT_LENGTH - 1).toWellFormed()}…`;
}

/** What a task threw on its worker: its own message and stack, as they were there. */
export class RemoteTaskError extends MusterError {
  /** The `name` of the original error: `"TypeError"`. */
  readonly remoteName: string;
  /** Its `code`: `"ECONNREFUSED"`. */
  readonly remoteCode: string | number | undefined;
  /** The fields that it had besides, without what cannot travel. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The errors of an `AggregateError`. */
  readonly errors: readonly unknown[] | undefined;

  constructor(
    message: string,
    remote: {
      readonly name: string;
      readonly code?: string | number | undefined;
      readonly stack?: string | undefined;
      readonly data?: Readonly<Record<string, unknown>> | undefined;
      readonly errors?: readonly unknown[] | undefined;
    },
    options?: ErrorOptions,
  ) {
    super("TASK_FAILED", message, options);
    this.remoteName = remote.name;
    this.remoteCode = remote.code;
    this.data = remote.data ?? {};
    this.errors = remote.errors;
    setHidden(this, "stack", remote.stack ?? `${remote.name}: ${message}`);
  }

  static {
    brand(RemoteTaskError, "RemoteTaskError");
  }
}

/**
 * The error of a record: a `MusterError` with its own `code` for one of ours, a `RemoteTaskError` for all others.
 * Causes arrive as errors of the built-in class that their name says, else as `Error` with that `name`.
 * @throws MusterError `PROTOCOL` for what `encodeError` did not make
 */
export function decodeError(record: ErrorRecord): MusterError {
  const { name, message, stack, code, cause, errors, data } = checked(record, 0);
  if (isOwn(record)) return musterError(record, 0);
  const options = cause === undefined ? undefined : { cause: decodeCause(cause, 1) };
  return new RemoteTaskError(
    message,
    { name, code, stack, data: decodeData(data), errors: errors?.map((each) => decodeCause(each, 1)) },
    options,
  );
}

function isOwn({ muster, code }: ErrorRecord): boolean {
  return muster === true && typeof code === "string" && code !== "TASK_FAILED";
}

function musterError(record: ErrorRecord, depth: number): MusterError {
  return withDetails(new MusterError(record.code as MusterErrorCode, record.message), record, depth);
}

function decodeCause(record: ErrorRecord | ValueRecord, depth: number): unknown {
  if ("value" in record) return record.value === undefined ? undefined : decodeFlat(record.value);
  const { name, message, stack, code } = checked(record, depth);
  if (isOwn(record)) return musterError(record, depth);
  const error = makeError(name, message, stack);
  return withDetails(code === undefined ? error : Object.assign(error, { code }), record, depth);
}

function withDetails<E extends Error>(error: E, record: ErrorRecord, depth: number): E {
  const { name, stack, cause, errors, data } = record;
  for (const [key, value] of Object.entries(decodeData(data))) {
    // methods and `message` are not for another process to replace
    if (!(key in Error.prototype) && !Object.hasOwn(error, key)) setField(error, key, value);
  }
  if (error.name !== name) setHidden(error, "name", name);
  if (stack !== undefined) setHidden(error, "stack", stack);
  if (cause !== undefined) setHidden(error, "cause", decodeCause(cause, depth + 1));
  if (errors !== undefined) {
    setHidden(
      error,
      "errors",
      errors.map((each) => decodeCause(each, depth + 1)),
    ); // as AggregateError has them
  }
  return error;
}

function decodeData(data: Uint8Array | undefined): Record<string, unknown> {
  if (data === undefined) return {};
  const fields = decodeFlat(data);
  if (typeof fields !== "object" || fields === null) throw damaged();
  return fields as Record<string, unknown>;
}

function decodeFlat(bytes: Uint8Array): unknown {
  if (!(bytes instanceof Uint8Array)) throw damaged();
  return decodeValue(unflatten(bytes));
}

/** The record, when it has the form of one: it comes from another process. */
function checked(record: ErrorRecord, depth: number): ErrorRecord {
  if (typeof record !== "object" || record === null || depth > MAX_DEPTH) throw damaged();
  const { name, message, stack, code, cause, errors } = record;
  const isText = (value: unknown) => typeof value === "string";
  const isRecord = (value: unknown) => typeof value === "object" && value !== null;
  const valid =
    isText(name) &&
    isText(message) &&
    (stack === undefined || isText(stack)) &&
    (code === undefined || isText(code) || typeof code === "number") &&
    (cause === undefined || isRecord(cause)) &&
    (errors === undefined || (Array.isArray(errors) && errors.every(isRecord)));
  if (!valid) throw damaged();
  return record;
}

function damaged(): MusterError {
  return new MusterError("PROTOCOL", "The record of an error is damaged or from another version.");
}
