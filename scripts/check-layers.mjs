// Who may import whom. Type imports count as well: a type that is needed below belongs below.
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

/**
 * The layers of core, bottom to top: each with the layers that it may import, which all stand above it here.
 * "contracts" are the files in which two layers that do not know each other agree.
 */
const CORE_LAYERS = {
  base: [],
  contracts: ["base"],
  events: ["base", "contracts"],
  wire: ["base", "contracts"],
  code: ["base", "contracts", "wire"],
  engine: ["base", "contracts", "events", "wire", "code"],
  scheduler: ["base", "contracts", "events", "wire", "code", "engine"],
  cluster: ["base", "contracts", "events", "wire"],
  worker: ["base", "contracts", "events", "wire", "code"],
  executor: ["base", "contracts", "events", "wire", "code", "engine", "scheduler", "cluster", "worker"],
  flow: ["base", "contracts", "events", "wire", "code", "scheduler", "executor"],
  cli: ["base", "contracts", "events", "code", "worker", "executor", "flow"],
  testing: ["base", "contracts", "events", "wire", "code", "engine", "scheduler", "cluster", "worker", "executor", "flow"],
};
const CONTRACTS = new Set(["cluster/provider.ts", "cluster/worker-link.ts", "code/code-unit.ts", "engine/engine.ts"]);

const problems = [];
checkTable();
const packages = ["core", ...globSync("providers/*"), "e2e", "examples", "benchmarks"];
for (const directory of packages) {
  for (const file of globSync(`${directory}/src/**/*.ts`)) checkFile(directory, file);
}
for (const problem of problems) console.log(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

/** The table itself must not go round in circles. */
function checkTable() {
  const below = new Set();
  for (const [layer, allowed] of Object.entries(CORE_LAYERS)) {
    for (const other of allowed) if (!below.has(other)) problems.push(`The table lets ${layer} import ${other}, upward.`);
    below.add(layer);
  }
}

function checkFile(directory, file) {
  const isTest = file.includes(".test.");
  for (const specifier of importsOf(readFileSync(file, "utf8"))) {
    if (specifier.startsWith(".")) {
      const target = join(dirname(file), specifier);
      if (relative(join(directory, "src"), target).startsWith("..")) {
        problems.push(`${file} imports ${specifier}: that is not in its own package's src.`);
      } else if (directory === "core" && !isTest) {
        checkLayers(file, target);
      }
    } else if (/^@muster\/[^/]+\/(src|dist)\b/.test(specifier)) {
      problems.push(`${file} imports ${specifier}: only what the package exports may be imported.`);
    } else if (directory.startsWith("providers") && specifier.startsWith("@muster/") && !isTest && specifier !== "@muster/core") {
      problems.push(`${file} imports ${specifier}: a provider may import @muster/core alone, like a third party's.`);
    }
  }
}

function checkLayers(file, target) {
  const from = layerOf(file);
  const to = layerOf(target);
  // What stands beside the folders, such as index.ts, is above all of them.
  if (from === undefined || from === to) return;
  if (!CORE_LAYERS[from].includes(to)) {
    problems.push(`${file} imports ${target}: ${from} may import ${CORE_LAYERS[from].join(", ") || "nothing"}, not ${to}.`);
  }
}

function layerOf(file) {
  const path = relative(join("core", "src"), file).split(sep).join("/");
  if (CONTRACTS.has(path)) return "contracts";
  const folder = path.split("/")[0];
  if (!path.includes("/")) return undefined;
  if (!(folder in CORE_LAYERS)) problems.push(`${file}: the folder ${folder} has no place in the table of layers.`);
  return folder in CORE_LAYERS ? folder : undefined;
}

/** The module specifiers of a file's import and export statements, and of its dynamic imports. */
function importsOf(source) {
  const code = source.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, "");
  const statements = code.matchAll(/^\s*(?:import|export)\b[^;"'`]*?(?:from\s*)?"([^"]+)"/gm);
  const calls = code.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g);
  return [...statements, ...calls].map((match) => match[1]);
}
