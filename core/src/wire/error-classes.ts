import { types } from "node:util";

const BUILT_IN = new Map<string, ErrorConstructor>([
  ["Error", Error],
  ["TypeError", TypeError],
  ["RangeError", RangeError],
  ["SyntaxError", SyntaxError],
  ["ReferenceError", ReferenceError],
  ["EvalError", EvalError],
  ["URIError", URIError],
]);

/** Also for an error of another realm, as `node:vm` makes them. */
export function isError(value: unknown): value is Error {
  return types.isNativeError(value) || value instanceof Error;
}

/**
 * An error of the built-in class with this name, or an `Error` with `name` set. No class of a user is ever looked up.
 * @param message undefined for an error without a message of its own
 */
export function makeError(name: string, message: string | undefined, stack: string | undefined): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0; // the stack of this place says nothing
  try {
    const error =
      name === "AggregateError"
        ? new AggregateError([], message)
        : new (BUILT_IN.get(name) ?? Error)(message);
    if (error.name !== name) setHidden(error, "name", name);
    setHidden(error, "stack", stack);
    return error;
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** Sets a property as the language sets an error's own: it does not show among the keys. */
export function setHidden(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, writable: true, configurable: true, enumerable: false });
}

/** Sets a property whatever its key, so that `__proto__` is one like any other. */
export function setField(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, configurable: true, enumerable: true });
}
