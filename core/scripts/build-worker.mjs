// Bundles the worker: one file, run as a program and loaded by that program's threads.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const directory = fileURLToPath(new URL("..", import.meta.url));
const file = join(directory, "dist", "worker.cjs");
/** What speaks to NATS, which is larger than all the rest. */
const NATS_MODULES = [
  "./src/worker/nats-way.ts",
  "./src/worker/pool/lane-program.ts",
  "./src/worker/pool/run-pool-worker.ts",
];

/** @param what of esbuild's options */
async function bundle(what) {
  const { outputFiles } = await build({
    absWorkingDir: directory,
    bundle: true,
    platform: "node",
    // Not ESM: that would load all that either half imports from Node before the first line runs.
    format: "cjs",
    target: "node22",
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false,
    write: false,
    legalComments: "none",
    // Their native parts are optional, and a bundle cannot carry them.
    external: ["msgpackr-extract", "bufferutil", "utf-8-validate"],
    define: { "import.meta.url": "musterFileUrl" },
    banner: { js: 'const musterFileUrl = require("node:url").pathToFileURL(__filename).href;' },
    logLevel: "warning",
    ...what,
  });
  return outputFiles[0].text;
}

/**
 * Workers without NATS must not start later for it: its part lies in the file as a text, which is compiled when it is
 * needed, and costs nothing before.
 */
function natsAsText(text) {
  return {
    name: "nats-as-text",
    setup(building) {
      building.onResolve({ filter: /(nats-way|lane-program|run-pool-worker)\.ts$/ }, ({ kind }) =>
        kind === "dynamic-import" ? { path: "nats", namespace: "text" } : undefined,
      );
      building.onLoad({ filter: /^nats$/, namespace: "text" }, () => ({
        contents: `
          const names = ["exports", "require", "module", "__filename", "__dirname"];
          const { compileFunction } = require("node:vm");
          const part = { exports: {} };
          compileFunction(${JSON.stringify(text)}, names, { filename: __filename + ".nats" })(
            part.exports, require, part, __filename, __dirname,
          );
          module.exports = part.exports;`,
        resolveDir: directory,
      }));
    },
  };
}

const nats = await bundle({
  stdin: {
    contents: NATS_MODULES.map((module) => `export * from ${JSON.stringify(module)};`).join("\n"),
    resolveDir: directory,
  },
});
const built = await bundle({ entryPoints: ["src/worker.ts"], plugins: [natsAsText(nats)] });
mkdirSync(join(directory, "dist"), { recursive: true });
let before;
try {
  before = readFileSync(file, "utf8");
} catch {}
// Left alone when nothing changed, so that what Node compiled of it is still good.
if (before !== built) writeFileSync(file, built);
