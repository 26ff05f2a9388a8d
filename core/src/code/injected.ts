import { pathToFileURL } from "node:url";
import { MusterError, toError } from "../base/errors.ts";
import type { BundleUnit } from "../contracts/code-unit.ts";
import { absent } from "./absent.ts";

/** On `globalThis`: a map of the modules that bundles get from this thread, by specifier. */
export const MODULES = Symbol.for("muster.modules/1");
/** On `globalThis` while a worker imports a bundle: ends the import, for what must not run on a worker. */
export const IMPORT_STOP = Symbol.for("muster.import-stop/1");

/** On `globalThis`: gives a bundle's code an export of a module that was left out. */
const EXPORTS_NAME = "muster.exports/1";
const EXPORTS = Symbol.for(EXPORTS_NAME);

interface Globals {
  [MODULES]?: Map<string, object>;
  [EXPORTS]?: (module: string, name: string) => unknown;
}
const globals = globalThis as Globals;

/** How many imports of bundled code are under way. */
let imports = 0;

/** Modules that a bundle never contains, but gets from the process that imports it. */
export const INJECTED_MODULES = /^(?:@muster\/.+|vitest|@jest\/globals|bun:test|node:test)$/;

/**
 * Gives the bundles of this thread the modules that were left out of them, by specifier. What is not given,
 * a module or an export, is replaced by a stand-in that has no effect.
 */
export function provideModules(modules: ReadonlyMap<string, object>): void {
  globals[MODULES] ??= new Map();
  for (const [specifier, namespace] of modules) globals[MODULES].set(specifier, namespace);
}

/**
 * The modules that were left out of a bundle, as the user's project has them.
 *
 * @throws MusterError `CODE` if one cannot be imported
 */
export async function driverModules({
  injected,
  resolveFrom,
}: Pick<BundleUnit, "injected" | "resolveFrom">): Promise<Map<string, object>> {
  const namespaces = await Promise.all(injected.map((specifier) => importFrom(resolveFrom, specifier)));
  return new Map(injected.map((specifier, index) => [specifier, namespaces[index]!]));
}

/** The text of a module, for a bundle, that stands for one which is left out. */
export function injectedModuleSource(specifier: string, exportNames: readonly string[]): string {
  const lines = exportNames.map((name, index) => {
    const value = `/* @__PURE__ */ get(${JSON.stringify(specifier)}, ${JSON.stringify(name)})`;
    return `const e${index} = ${value};\nexport { e${index} as ${JSON.stringify(name)} };\n`;
  });
  return `const get = globalThis[Symbol.for(${JSON.stringify(EXPORTS_NAME)})];\n${lines.join("")}`;
}

/** Makes this thread able to import bundles: what their code asks for is provided, or has a stand-in. */
export function installExports(): void {
  const absents = new Map<string, unknown>();
  globals[EXPORTS] ??= (module, name) => {
    const namespace = globals[MODULES]?.get(module) as Record<string, unknown> | undefined;
    if (namespace && name in namespace) return namespace[name];
    const label = `"${name}" of ${module}`;
    const standIn = absents.get(label) ?? absent(label, () => imports > 0);
    absents.set(label, standIn);
    return standIn;
  };
}

/** Runs `work`, an import of bundled code, with stand-ins that let calls pass. */
export async function whileImporting<T>(work: () => Promise<T>): Promise<T> {
  imports++;
  try {
    return await work();
  } finally {
    imports--;
  }
}

/** Imports what `specifier` means in a directory. */
export async function importFrom(directory: string, specifier: string): Promise<object> {
  try {
    if (/^(?:node|bun):/.test(specifier)) return (await import(specifier)) as object;
    const { resolve } = await import("import-meta-resolve");
    return (await import(resolve(specifier, pathToFileURL(`${directory}/package.json`).href))) as object;
  } catch (thrown) {
    const { message } = toError(thrown);
    throw new MusterError("CODE", `"${specifier}" cannot be imported from ${directory}: ${message}`, {
      cause: thrown,
    });
  }
}
