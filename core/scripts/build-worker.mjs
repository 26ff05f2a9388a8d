// Bundles the worker: one file, run as a program and loaded by that program's threads.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const directory = fileURLToPath(new URL("..", import.meta.url));
const file = join(directory, "dist", "worker.cjs");
mkdirSync(join(directory, "dist"), { recursive: true });
const { outputFiles } = await build({
  absWorkingDir: directory,
  entryPoints: ["src/worker.ts"],
  outfile: file,
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
  // Its native part is optional, and a bundle cannot carry it.
  external: ["msgpackr-extract"],
  define: { "import.meta.url": "musterFileUrl" },
  banner: { js: 'const musterFileUrl = require("node:url").pathToFileURL(__filename).href;' },
  logLevel: "warning",
});
const built = Buffer.from(outputFiles[0].contents);
let before;
try {
  before = readFileSync(file);
} catch {}
// Left alone when nothing changed, so that what Node compiled of it is still good.
if (before === undefined || !before.equals(built)) writeFileSync(file, built);
