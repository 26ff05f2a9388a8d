/** What went wrong, as a closed set that a caller can branch on. */
export type MusterErrorCode =
  | "INVALID_OPTION"
  | "NOT_SERIALIZABLE"
  | "DUPLICATE_TASK"
  | "TASK_FAILED"
  | "TASK_TIMEOUT"
  | "TASK_CANCELLED"
  | "UPSTREAM_FAILED"
  | "WORKER_LOST"
  | "UNSATISFIABLE_RESOURCES"
  | "CLUSTER_CLASS"
  | "CLUSTER_START"
  | "CODE"
  | "NO_TEMPORARY_DIRECTORY"
  | "NATS"
  | "PROTOCOL"
  | "DEADLINE"
  | "CANCELLED"
  | "CLOSED"
  | "INTERNAL";

const brands = new WeakMap<object, symbol>();

/**
 * Gives the errors of a class its name, and makes `instanceof` look for a brand instead of a prototype, so that it holds
 * across two installed copies of this package and across threads' module graphs.
 * @param name of the class: what a bundler calls it may be another
 */
export function brand(owner: { prototype: object }, name: string): void {
  Object.defineProperty(owner.prototype, "name", { value: name, writable: true, configurable: true });
  const mark = Symbol.for(`muster.error.${name}`);
  brands.set(owner, mark);
  Object.defineProperty(owner.prototype, mark, { value: true });
  Object.defineProperty(owner, Symbol.hasInstance, {
    value(this: object, candidate: unknown): boolean {
      const wanted = brands.get(this);
      if (wanted === undefined) return Function.prototype[Symbol.hasInstance].call(this, candidate);
      return typeof candidate === "object" && candidate !== null && wanted in candidate;
    },
  });
}

/** The base of every error that Muster throws: a `code` to branch on, and the `cause` kept. */
export class MusterError extends Error {
  readonly code: MusterErrorCode;

  constructor(code: MusterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  static {
    brand(MusterError, "MusterError");
  }
}

/** An option or argument that cannot be used as it is. */
export class InvalidOptionError extends MusterError {
  /** The option, as the user wrote it: `"adaptKwargs.minimum"`. */
  readonly option: string;

  constructor(option: string, message: string, options?: ErrorOptions) {
    super("INVALID_OPTION", message, options);
    this.option = option;
  }

  static {
    brand(InvalidOptionError, "InvalidOptionError");
  }
}

/** A value that cannot travel to another process: says which, and where inside the argument it is. */
export class NotSerializableError extends MusterError {
  /** Where the value is: `"argument 1.options.onDone"`. */
  readonly path: string;

  constructor(path: string, message: string, options?: ErrorOptions) {
    super("NOT_SERIALIZABLE", message, options);
    this.path = path;
  }

  static {
    brand(NotSerializableError, "NotSerializableError");
  }
}

/** A wait that took longer than it was allowed to. */
export class DeadlineError extends MusterError {
  readonly timeoutMs: number;

  constructor(message: string, timeoutMs: number, options?: ErrorOptions) {
    super("DEADLINE", message, options);
    this.timeoutMs = timeoutMs;
  }

  static {
    brand(DeadlineError, "DeadlineError");
  }
}

/** Stands for an error that is a proxy, say, or has getters. */
export const UNREADABLE = "An error was thrown whose fields throw when they are read.";

/** The thrown value as an `Error` that can be read, whatever it was. */
export function toError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error) {
      // Read once here, so that nobody fails who reads them later.
      String(thrown.name + thrown.message);
      return thrown;
    }
  } catch {
    return new Error(UNREADABLE);
  }
  return new Error(
    typeof thrown === "string" ? thrown : `A value that is no Error was thrown: ${describe(thrown)}`,
    {
      cause: thrown,
    },
  );
}

function describe(value: unknown): string {
  try {
    return typeof value === "object" ? (JSON.stringify(value) ?? String(value)) : String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
