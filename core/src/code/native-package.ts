import { readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { readManifest } from "./manifest.ts";

const ADDON_LOADERS = [
  "bindings",
  "node-gyp-build",
  "node-gyp-build-optional-packages",
  "node-addon-api",
  "node-pre-gyp",
  "@mapbox/node-pre-gyp",
  "prebuild-install",
  "nan",
];
/** A package that is there for one platform only: `@img/sharp-linux-x64`. */
const PLATFORM_PACKAGE = /[-/](?:linux|darwin|win32|linuxmusl)-(?:x64|arm64|arm|ia32)/;

/** The package of a bare specifier: `@scope/name` of `@scope/name/sub`. */
export function packageName(specifier: string): string | undefined {
  return /^(?:@[^/]+\/)?[^./@#][^/:]*(?=\/|$)/.exec(specifier)?.[0];
}

/** Finds packages from where they are imported, and which of them contain machine code. Remembers both. */
export class PackageFinder {
  readonly #directories = new Map<string, string | undefined>();
  readonly #native = new Map<string, boolean>();

  /** The directory of a package as Node would find it, or undefined. */
  find(name: string, from: string): string | undefined {
    const key = `${from}\0${name}`;
    if (!this.#directories.has(key)) this.#directories.set(key, this.#lookUp(name, from));
    return this.#directories.get(key);
  }

  /** Whether it cannot be a part of a bundle, since it loads machine code from beside itself. */
  isNative(directory: string): boolean {
    let native = this.#native.get(directory);
    if (native === undefined) {
      native = hasMachineCode(directory);
      this.#native.set(directory, native);
    }
    return native;
  }

  /** Its file, where only Node makes sense of what its package.json exports. */
  oddEntry(directory: string): string | undefined {
    if (!readManifest(directory).hasVoidExports) return undefined;
    try {
      return createRequire(join(directory, "package.json")).resolve(directory);
    } catch {
      // The bundler says what is missing.
      return undefined;
    }
  }

  #lookUp(name: string, from: string): string | undefined {
    const directory = join(from, "node_modules", name);
    // As for Node, which needs no package.json in it.
    if (isDirectory(directory)) return directory;
    const parent = dirname(from);
    return parent === from ? undefined : this.find(name, parent);
  }
}

function hasMachineCode(directory: string): boolean {
  const { main, gypfile, binary, napi, dependencies, optionalDependencies } = readManifest(directory);
  if (gypfile || binary !== undefined || napi !== undefined || main?.endsWith(".node")) return true;
  if ([...optionalDependencies].some((name) => PLATFORM_PACKAGE.test(name))) return true;
  if (ADDON_LOADERS.some((name) => dependencies.has(name) || optionalDependencies.has(name))) return true;
  return namesIn(directory).some((name) => /^(?:binding\.gyp|prebuilds|.*\.node)$/.test(name));
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // It can be entered, but not listed.
    return [];
  }
}
