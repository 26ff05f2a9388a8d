import { pathToFileURL } from "node:url";
import { resolve } from "import-meta-resolve";
import { brand, MusterError, toError } from "../base/errors.ts";
import { Cluster } from "./cluster.ts";
import type { ClusterClass } from "./cluster-registry.ts";

/** A `clusterClass` that names no cluster class, or makes no cluster. */
export class ClusterClassError extends MusterError {
  /** As the user wrote it; of a class or a function, its name. */
  readonly clusterClass: string;

  constructor(clusterClass: string, message: string, options?: ErrorOptions) {
    super("CLUSTER_CLASS", message, options);
    this.clusterClass = clusterClass;
  }

  static {
    brand(ClusterClassError, "ClusterClassError");
  }
}

/** Makes a cluster of what the user gave as `clusterKwargs`. @throws ClusterClassError when it makes none */
export type MakeCluster = (kwargs: object) => Promise<Cluster>;

/**
 * Finds what `clusterClass` names, in any of its forms.
 * @param options.from the directory of the user's project: modules resolve from there
 * @throws ClusterClassError saying what is wrong with the name, with the import's own error as its cause
 */
export async function resolveClusterClass(
  clusterClass: ClusterClass,
  options: { readonly from: string },
): Promise<MakeCluster> {
  if (typeof clusterClass !== "string") return maker(clusterClass, nameOf(clusterClass));
  const { module, name } = splitName(clusterClass);
  const exports = await load(module, clusterClass, options.from);
  const found = Object.hasOwn(exports, name) ? exports[name] : undefined;
  if (typeof found === "function") return maker(found, clusterClass);
  const have = clusterLike(exports);
  const what =
    found === undefined
      ? `has no export "${name}"`
      : `exports as "${name}" something that is no class and no function`;
  const hint =
    have.length === 0
      ? "It exports no class or function."
      : `Its classes and functions are: ${have.join(", ")}.`;
  throw new ClusterClassError(
    clusterClass,
    `clusterClass "${clusterClass}": the module "${module}" ${what}. ${hint}`,
  );
}

/** The module and the export that a string names. The last `#` divides, but a leading one belongs to the module. */
function splitName(clusterClass: string): { readonly module: string; readonly name: string } {
  const hash = clusterClass.lastIndexOf("#");
  const module = hash <= 0 ? clusterClass : clusterClass.slice(0, hash);
  const name = hash <= 0 ? "default" : clusterClass.slice(hash + 1);
  if (module !== "" && module !== "#" && name !== "") return { module, name };
  throw new ClusterClassError(
    clusterClass,
    `clusterClass "${clusterClass}" names no class: write "module#Export", such as "providers/local#LocalCluster".`,
  );
}

const PROVIDERS = "providers/";

async function load(module: string, clusterClass: string, from: string): Promise<Record<string, unknown>> {
  const specifier = module.startsWith(PROVIDERS) ? `@muster/${module.slice(PROVIDERS.length)}` : module;
  let url: string;
  try {
    url = locate(specifier, from);
  } catch (error) {
    const install = isPackage(specifier) ? ` Is it installed? "npm install ${specifier}" does so.` : "";
    throw new ClusterClassError(
      clusterClass,
      `clusterClass "${clusterClass}": the module "${specifier}" is not found from ${from}.${install}`,
      { cause: error },
    );
  }
  try {
    return (await import(url)) as Record<string, unknown>;
  } catch (error) {
    const message = `clusterClass "${clusterClass}": importing the module "${specifier}" failed: ${toError(error).message}`;
    throw new ClusterClassError(clusterClass, message, { cause: error });
  }
}

/** From the user's project; a package of Muster itself also from where this file is. */
function locate(specifier: string, from: string): string {
  try {
    return resolve(specifier, pathToFileURL(`${from}/`).href);
  } catch (error) {
    if (!specifier.startsWith("@muster/")) throw error;
    try {
      return resolve(specifier, import.meta.url);
    } catch {
      throw error;
    }
  }
}

function isPackage(specifier: string): boolean {
  return !/^[./#]|^[a-z]+:/.test(specifier);
}

function clusterLike(exports: Record<string, unknown>): string[] {
  return Object.keys(exports)
    .filter((name) => typeof exports[name] === "function")
    .sort();
}

// biome-ignore lint/complexity/noBannedTypes: anything that can be called; what it makes is checked
type AnyFunction = Function;

function maker(make: AnyFunction, name: string): MakeCluster {
  return async (kwargs) => {
    const made: unknown = await (isClusterConstructor(make)
      ? new (make as unknown as new (kwargs: object) => Cluster)(kwargs)
      : callFactory(make, kwargs, name));
    if (made instanceof Cluster) return made;
    throw new ClusterClassError(
      name,
      `clusterClass ${quoted(name)} made ${describe(made)}, not a cluster: it must be a class that extends Cluster, or a function that returns one.`,
    );
  };
}

/** Whether it is a subclass of Cluster; the brand holds for that of another installed copy of core, too. */
function isClusterConstructor(value: AnyFunction): boolean {
  return (
    typeof value.prototype === "object" && value.prototype !== null && value.prototype instanceof Cluster
  );
}

function callFactory(make: AnyFunction, kwargs: object, name: string): unknown {
  if (/^class\b/.test(Function.prototype.toString.call(make))) {
    throw new ClusterClassError(
      name,
      `clusterClass ${quoted(name)} is a class that does not extend Cluster.`,
    );
  }
  return make(kwargs);
}

function nameOf(value: AnyFunction): string {
  return value.name === "" ? "an unnamed function" : value.name;
}

function quoted(name: string): string {
  return name === "an unnamed function" ? `(${name})` : `"${name}"`;
}

function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const name = value.constructor?.name;
  return name === undefined || name === "Object" ? "an object" : `a ${name}`;
}
