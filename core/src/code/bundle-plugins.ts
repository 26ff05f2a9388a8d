import { readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { dirname, extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Loader, Plugin } from "esbuild";
import { INJECTED_MODULES, importFrom, injectedModuleSource } from "./injected.ts";
import { PackageFinder, packageName } from "./native-package.ts";

/** Leaves out the modules that the importing process provides; `found` gets their specifiers. */
export function injectedModules(resolveFrom: string, found: Set<string>): Plugin {
  const namespace = "muster-injected";
  return {
    name: namespace,
    setup(build) {
      build.onResolve({ filter: INJECTED_MODULES }, ({ path, resolveDir }) => ({
        path,
        namespace,
        pluginData: resolveDir,
      }));
      build.onLoad({ filter: /.*/, namespace }, async ({ path, pluginData }) => {
        found.add(path);
        const exports = await importFrom((pluginData as string) || resolveFrom, path);
        return { contents: injectedModuleSource(path, Object.keys(exports)), loader: "js" };
      });
    },
  };
}

/** Leaves out what cannot be bundled: packages with machine code, and optional ones that are not installed. */
export function unbundleablePackages(): Plugin {
  const packages = new PackageFinder();
  return {
    name: "muster-externals",
    setup(build) {
      build.onResolve({ filter: /\.node$/ }, ({ path, resolveDir }) => ({
        path: path.startsWith(".") ? resolve(resolveDir, path) : path,
        external: true,
      }));
      build.onResolve({ filter: /^[^./]/ }, ({ path, kind, importer, resolveDir }) => {
        const name = packageName(path);
        if (name === undefined || kind === "entry-point" || isBuiltin(path)) return undefined;
        const directory = packages.find(name, resolveDir);
        if (directory !== undefined) {
          if (name === "esbuild" || packages.isNative(directory)) return { path, external: true };
          const entry = path === name ? packages.oddEntry(directory) : undefined;
          return entry === undefined ? undefined : { path: entry };
        }
        // What a package requires only on some path of its code may be missing, as it may without a bundle.
        const optional = kind !== "import-statement" && /[\\/]node_modules[\\/]/.test(importer);
        return optional ? { path, external: true } : undefined;
      });
    },
  };
}

/** Names that `ownPlaces` declares in each file that asks where it is. */
export const PLACE_NAMES = {
  "import.meta.url": "__musterUrl",
  "import.meta.filename": "__musterFile",
  "import.meta.dirname": "__musterDirectory",
  __filename: "__musterFile",
  __dirname: "__musterDirectory",
};

/** Lets `import.meta.url`, `__dirname` and their like mean the source file rather than the bundle. */
export function ownPlaces(): Plugin {
  return {
    name: "muster-places",
    setup(build) {
      build.onLoad({ filter: /\.[cm]?[jt]sx?$/ }, async ({ path }) => {
        const text = await readFile(path, "utf8");
        if (!/import\.meta\b|__dirname|__filename/.test(text)) return undefined;
        const places =
          `var __musterUrl = ${JSON.stringify(pathToFileURL(path).href)}, ` +
          `__musterFile = ${JSON.stringify(path)}, __musterDirectory = ${JSON.stringify(dirname(path))};`;
        // In the first line that is code, so that lines keep their numbers.
        const contents = text.replace(/^(#!.*\r?\n)?/, (hashbang) => hashbang + places);
        return { contents, loader: loaderOf(path), resolveDir: dirname(path) };
      });
    },
  };
}

function loaderOf(path: string): Loader {
  return extname(path).replace(/^\.[cm]?/, "") as Loader;
}
