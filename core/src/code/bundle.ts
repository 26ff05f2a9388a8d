import { createHash } from "node:crypto";
import { access } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { relative, resolve } from "node:path";
import type { BuildFailure, BuildOptions, BuildResult, Message } from "esbuild";
import { MusterError, toError } from "../base/errors.ts";
import { currentDirectory } from "../base/places.ts";
import type { BundleUnit } from "../contracts/code-unit.ts";
import { injectedModules, ownPlaces, PLACE_NAMES, unbundleablePackages } from "./bundle-plugins.ts";
import { withEsbuild } from "./esbuild.ts";
import { packageName } from "./native-package.ts";
import { inlineSourceMap } from "./source-map.ts";

export interface BundleOptions {
  /** Absolute paths of the modules to import on a worker, in this order. */
  readonly roots: readonly string[];
  /** Packages to leave out, with their subpaths: they must be installed where workers run. */
  readonly external?: readonly string[];
  /** Absolute path of the user's project: where left-out packages are found. */
  readonly resolveFrom: string;
}

/** The file name that source maps count from; nothing is written there. */
const OUTPUT = "muster-bundle.mjs";
const ROOTS = "muster-roots.js";
/** CommonJS code in the bundle calls `require` for what was left out. */
const BANNER =
  'import { createRequire as __musterRequire } from "node:module"; const require = __musterRequire(import.meta.url);';

/**
 * Makes one ES module of some modules and all that they import. It evaluates none of them by itself: it exports
 * `roots`, a function for each root, in their order, that imports it and gives its namespace.
 *
 * @throws MusterError `CODE` that names file and line, if something does not resolve or parse
 */
export async function bundle(options: BundleOptions): Promise<BundleUnit> {
  const { roots, external = [], resolveFrom } = options;
  await Promise.all(roots.map(mustExist));
  const injected = new Set<string>();
  const result = await build({
    stdin: { contents: rootsSource(roots), resolveDir: resolveFrom, sourcefile: ROOTS },
    absWorkingDir: resolveFrom,
    outfile: OUTPUT,
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "esm",
    target: "node22",
    // Without this, esbuild prefers the files that packages have for bundlers over those that Node loads.
    conditions: [],
    keepNames: true,
    external: [...external],
    define: { ...PLACE_NAMES, "import.meta.main": "false" },
    banner: { js: BANNER },
    sourcemap: "external",
    sourcesContent: false,
    legalComments: "none",
    logLevel: "silent",
    plugins: [injectedModules(resolveFrom, injected), unbundleablePackages(), ownPlaces()],
  });

  const text = (suffix: string) => result.outputFiles.find(({ path }) => path.endsWith(suffix))!.text;
  const code = Buffer.from(text(OUTPUT) + inlineSourceMap(text(`${OUTPUT}.map`), resolveFrom));
  return {
    kind: "bundle",
    id: createHash("sha256").update(code).digest("hex"),
    code,
    inputs: inputFiles(result, resolveFrom),
    externals: externalPackages(result),
    injected: [...injected].sort(),
    resolveFrom,
  };
}

/** Thunks keep roots apart: one that fails or never ends does not stop the others. */
function rootsSource(roots: readonly string[]): string {
  const thunks = roots.map((root) => `() => import(${JSON.stringify(root)})`);
  return `export const roots = [${thunks.join(", ")}];`;
}

type Settings = BuildOptions & { write: false; metafile: true };

async function build(settings: Settings): Promise<BuildResult<Settings>> {
  try {
    return await withEsbuild((esbuild) => esbuild.build(settings));
  } catch (thrown) {
    throw bundleError(thrown as BuildFailure, settings.absWorkingDir!);
  }
}

async function mustExist(root: string): Promise<void> {
  try {
    await access(root);
  } catch (cause) {
    throw new MusterError("CODE", `The file ${root} does not exist or cannot be read.`, { cause });
  }
}

function bundleError(failure: BuildFailure, directory: string): MusterError {
  const [first, ...others] = failure.errors ?? [];
  const why = first ? describe(first, directory) : toError(failure).message;
  const more = others.length > 0 ? ` (and ${others.length} more)` : "";
  return new MusterError("CODE", `The code for the workers cannot be bundled: ${why}${more}`, {
    cause: failure,
  });
}

function describe({ text, location, detail }: Message, directory: string): string {
  if (detail instanceof MusterError) return detail.message;
  if (!location || location.file === ROOTS) return text;
  const file = relative(currentDirectory(), resolve(directory, location.file));
  const line = location.lineText.trim().slice(0, 100);
  return `${text}\n  at ${file}:${location.line}:${location.column + 1}: ${line}`;
}

function inputFiles({ metafile }: BuildResult<Settings>, directory: string): Set<string> {
  const files = Object.keys(metafile.inputs).filter(
    (input) => input !== ROOTS && !/^[a-z-]{2,}:/.test(input),
  );
  return new Set(files.map((file) => resolve(directory, file)));
}

function externalPackages({ metafile }: BuildResult<Settings>): string[] {
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  const names = imports
    .filter(({ external, path }) => external && !isBuiltin(path))
    .map(({ path }) => packageName(path));
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}
