import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * What we read of a package.json. Nobody checks those of the packages that people install: any field may be of any
 * type ("main": false is under most of npm), so one that is not what it should be counts as not there.
 */
export interface Manifest {
  readonly main: string | undefined;
  readonly gypfile: boolean;
  /** With `node-pre-gyp`. */
  readonly binary: object | undefined;
  /** With `napi-rs`. */
  readonly napi: object | undefined;
  /** `exports` is of a type that Node does not look at: then it goes by `main`. */
  readonly hasVoidExports: boolean;
  /** The names of packages, as below. */
  readonly dependencies: ReadonlySet<string>;
  readonly optionalDependencies: ReadonlySet<string>;
}

/** The largest that there are have some MiB. */
const MAX_BYTES = 64 * 2 ** 20;

/** The manifest of a package; of one whose package.json is missing, broken or no file at all, nothing is known. */
export function readManifest(directory: string): Manifest {
  return parseManifest(readText(join(directory, "package.json")));
}

export function parseManifest(text: string): Manifest {
  const fields = objectOf(parse(text)) ?? {};
  return {
    main: typeof fields["main"] === "string" ? fields["main"] : undefined,
    gypfile: fields["gypfile"] === true,
    binary: objectOf(fields["binary"]),
    napi: objectOf(fields["napi"]),
    hasVoidExports: ["boolean", "number"].includes(typeof fields["exports"]),
    dependencies: namesOf(fields["dependencies"]),
    optionalDependencies: namesOf(fields["optionalDependencies"]),
  };
}

function readText(path: string): string {
  try {
    const found = statSync(path);
    // Reading a pipe would wait for who writes into it.
    return found.isFile() && found.size <= MAX_BYTES ? readFileSync(path, "utf8") : "";
  } catch {
    return "";
  }
}

function parse(text: string): unknown {
  try {
    // Editors on Windows put a byte order mark before it.
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

function namesOf(value: unknown): ReadonlySet<string> {
  return new Set(Object.keys(objectOf(value) ?? {}));
}
