import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What of a package.json tells a native addon. */
interface Manifest {
  readonly main?: string;
  readonly gypfile?: boolean;
  readonly binary?: unknown;
  readonly napi?: unknown;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

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

  #lookUp(name: string, from: string): string | undefined {
    const directory = join(from, "node_modules", name);
    if (readManifest(directory)) return directory;
    const parent = dirname(from);
    return parent === from ? undefined : this.find(name, parent);
  }
}

function hasMachineCode(directory: string): boolean {
  const manifest = readManifest(directory) ?? {};
  if (manifest.gypfile || manifest.binary || manifest.napi || manifest.main?.endsWith(".node")) return true;
  if (Object.keys(manifest.optionalDependencies ?? {}).some((name) => PLATFORM_PACKAGE.test(name)))
    return true;
  if (ADDON_LOADERS.some((name) => manifest.dependencies?.[name] ?? manifest.optionalDependencies?.[name]))
    return true;
  return readdirSync(directory).some((name) => /^(?:binding\.gyp|prebuilds|.*\.node)$/.test(name));
}

function readManifest(directory: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as Manifest;
  } catch {
    return undefined;
  }
}
