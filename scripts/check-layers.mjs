// Who may import whom. Type imports count as well: a type that is needed below belongs below.
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

/** The layers of core, bottom to top, each with those below it that it may import. */
const LAYERS = {
  base: [],
  contracts: ["base"],
  events: ["base", "contracts"],
  printing: ["base", "contracts", "events"],
  "engine contract": ["base", "contracts", "events"],
  "worker contract": ["base", "events"],
  wire: ["base", "contracts", "events"],
  code: ["base", "contracts"],
  context: ["base", "events"],
  worker: ["base", "contracts", "events", "worker contract", "wire", "code", "context"],
  engine: [
    ...["base", "contracts", "events", "engine contract", "worker contract"],
    ...["wire", "context", "worker"],
  ],
  scheduler: ["base", "contracts", "events", "engine contract"],
  cluster: ["base", "contracts", "events", "worker contract"],
  executor: [
    ...["base", "contracts", "events", "engine contract", "worker contract"],
    ...["wire", "code", "engine", "scheduler", "cluster", "printing"],
  ],
  flow: ["base", "contracts", "events", "code", "context", "scheduler", "executor", "printing"],
  "worker program": ["base", "contracts", "events", "wire", "code", "context", "worker", "scheduler", "flow"],
  testing: ["base", "contracts", "events", "context", "scheduler", "cluster", "executor", "flow"],
  cli: ["base", "contracts", "events", "worker contract", "wire", "code", "executor", "flow", "printing"],
};
/** Files that are of another layer than their folder. */
const PLACES = {
  // Contracts: in them two layers agree that do not know each other.
  "cluster/provider.ts": "contracts",
  "cluster/leases.ts": "contracts",
  "cluster/worker-link.ts": "contracts",
  "code/code-unit.ts": "contracts",
  "engine/engine.ts": "engine contract",
  "wire/print-mark.ts": "contracts",
  "cluster/worker-env.ts": "worker contract",
  "worker/exit-code.ts": "worker contract",
  "worker/worker-file.ts": "worker contract",
  // What runs in a worker's thread gives the user's code the same `task` that it has on the driver.
  "worker/main.ts": "worker program",
  "worker/task-thread.ts": "worker program",
  "worker/user-api.ts": "worker program",
};

const problems = [];
checkTable();
const packages = ["core", ...globSync("providers/*"), "e2e", "examples", "benchmarks"];
for (const directory of packages) {
  for (const file of globSync(`${directory}/src/**/*.ts`)) checkFile(directory, file);
}
for (const problem of problems) console.log(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

/** What stands below in the table must not import what stands above, or layers could go round in circles. */
function checkTable() {
  const below = new Set();
  for (const [layer, allowed] of Object.entries(LAYERS)) {
    for (const other of allowed)
      if (!below.has(other)) problems.push(`The table lets ${layer} import ${other}, upward.`);
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
    } else if (
      directory.startsWith("providers") &&
      specifier.startsWith("@muster/") &&
      !isTest &&
      specifier !== "@muster/core"
    ) {
      problems.push(
        `${file} imports ${specifier}: a provider may import @muster/core alone, like a third party's.`,
      );
    }
  }
}

function checkLayers(file, target) {
  const from = layerOf(file);
  const to = layerOf(target);
  if (from === undefined || from === to) return;
  if (LAYERS[from] === undefined) {
    problems.push(`${file}: the folder ${from} has no place in the table of layers.`);
  } else if (!LAYERS[from].includes(to)) {
    problems.push(
      `${file} imports ${target}: ${from} may import ${LAYERS[from].join(", ") || "nothing"}, not ${to}.`,
    );
  }
}

/** The layer of a file of core; undefined for one that stands above all folders, such as index.ts. */
function layerOf(file) {
  const path = relative(join("core", "src"), file).split(sep).join("/");
  if (!path.includes("/")) return undefined;
  return PLACES[path] ?? path.split("/")[0];
}

/** The module specifiers of a file's import and export statements, and of its dynamic imports. */
function importsOf(source) {
  // Without comments, and without texts of several lines: those are other programs.
  const code = source.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, "").replaceAll(/`[^`]*\n[^`]*`/g, "``");
  const statements = code.matchAll(/^\s*(?:import|export)\b[^;"'`]*?(?:from\s*)?"([^"]+)"/gm);
  const calls = code.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g);
  return [...statements, ...calls].map((match) => match[1]);
}
