import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import { MusterError, toError } from "../base/errors.ts";
import { withDeadline } from "../base/wait.ts";
import { IMPORT_STOP, installExports, whileImporting } from "./injected.ts";
import { packageName } from "./native-package.ts";
import { type BundleImport, definingFor } from "./registry.ts";

export type { BundleImport } from "./registry.ts";

/** What a bundle exports. */
export interface Artifact {
  /** Imports a root, in the order that `bundle` was given them, and gives its namespace. */
  readonly roots: readonly (() => Promise<Record<string, unknown>>)[];
}

export interface ImportBundleOptions {
  /** Milliseconds that the import of one root may take. @default 60_000 */
  timeoutMs?: number;
}

const importStop = globalThis as { [IMPORT_STOP]?: () => void };

const imports = new Map<string, Promise<BundleImport>>();
let last: Promise<unknown> = Promise.resolve();

/**
 * Imports a bundle in a worker's thread, so that `findTask` finds what it defines. A root that fails does not
 * stop the others: `findTask` tells why when something is missing. A root whose evaluation gets to `flow.run()`
 * ends there. The same path is imported once.
 *
 * @throws MusterError `CODE` if a package that the bundle leaves out is not installed
 */
export function importBundle(path: string, options: ImportBundleOptions = {}): Promise<BundleImport> {
  let imported = imports.get(path);
  if (!imported) {
    // One after the other: what is defined meanwhile belongs to the one bundle.
    imported = last.then(() => importRoots(path, options));
    last = imported.catch(() => undefined);
    imports.set(path, imported);
  }
  return imported;
}

/**
 * Imports a bundle without evaluating any of its roots.
 *
 * @throws MusterError `CODE` if a package that the bundle leaves out is not installed
 */
export async function importArtifact(path: string): Promise<Artifact> {
  process.setSourceMapsEnabled(true);
  installExports();
  try {
    return (await import(pathToFileURL(path).href)) as Artifact;
  } catch (thrown) {
    throw explain(thrown);
  }
}

async function importRoots(path: string, { timeoutMs = 60_000 }: ImportBundleOptions): Promise<BundleImport> {
  const { roots } = await importArtifact(path);
  const unit = basename(path, ".mjs");
  const failures: Error[] = [];
  await definingFor(unit, async () => {
    for (const root of roots) {
      try {
        await importRoot(root, timeoutMs);
      } catch (thrown) {
        failures.push(explain(thrown));
      }
    }
  });
  return { unit, failures };
}

async function importRoot(root: () => Promise<unknown>, timeoutMs: number): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  // After a turn of the event loop, so that the code that follows an unawaited `flow.run()` still runs.
  importStop[IMPORT_STOP] = () => setImmediate(stopped.resolve);
  try {
    const ended = whileImporting(() => Promise.race([root(), stopped.promise]));
    await withDeadline(ended, "The import of the flow's code on a worker", { timeoutMs });
  } finally {
    delete importStop[IMPORT_STOP];
  }
}

/** A missing package in words that say what to do; any other error as it is. */
function explain(thrown: unknown): Error {
  const error = toError(thrown);
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") return error;
  const name = packageName(/Cannot find (?:package|module) '([^']+)'/.exec(error.message)?.[1] ?? "");
  if (name === undefined) return error;
  return new MusterError(
    "CODE",
    `The package "${name}" is not part of the code that is sent to workers, and is not installed here. ` +
      "Packages with native code, and those chosen as external, must be in the worker's image.",
    { cause: error },
  );
}
