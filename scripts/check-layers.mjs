// Who may import whom. Type imports count as well: a type that is needed below belongs below.
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

/** The layers of core, a folder each, bottom to top; each with those below it that it may import. */
const LAYERS = {
  base: [],
  contracts: ["base"],
  events: ["base", "contracts"],
  printing: ["base", "contracts", "events"],
  wire: ["base", "contracts"],
  code: ["base", "contracts"],
  context: ["base", "contracts"],
  thread: ["base", "contracts", "wire", "code", "context"],
  worker: ["base", "contracts", "wire", "code", "context", "thread"],
  engine: ["base", "contracts", "wire", "context", "thread", "worker"],
  scheduler: ["base", "contracts", "events"],
  cluster: ["base", "contracts", "events"],
  executor: [
    ...["base", "contracts", "events", "printing", "wire", "code"],
    ...["engine", "scheduler", "cluster"],
  ],
  flow: [
    ...["base", "contracts", "events", "printing", "wire", "code", "context"],
    ...["scheduler", "executor"],
  ],
  testing: [
    ...["base", "contracts", "events", "wire", "code", "context"],
    ...["engine", "scheduler", "cluster", "executor", "flow"],
  ],
  cli: ["base", "contracts", "events", "printing", "wire", "code", "cluster", "executor", "flow"],
};

const problems = [];
checkTable();
const packages = ["core", ...globSync("providers/*"), "e2e", "examples", "benchmarks"];
for (const directory of packages) {
  for (const file of globSync(`${directory}/src/**/*.ts`)) checkFile(directory, file);
}
for (const root of ["index", "cli/main", "worker/run-worker", "thread/task-thread"])
  checkLazy(join("core", "src", `${root}.ts`));
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

/**
 * What speaks NATS takes a tenth of a second to load, so that it is imported when an address asks for it: no chain of
 * static imports leads from `root` to it.
 */
function checkLazy(root) {
  const seen = new Map([[root, [root]]]);
  for (const [file, chain] of seen) {
    for (const specifier of importsOf(readFileSync(file, "utf8"), "static")) {
      if (/^(@nats-io\/|ws$)/.test(specifier))
        problems.push(`${[...chain, specifier].join(" imports ")}: that is loaded only where it is needed.`);
      const target = specifier.startsWith(".") ? join(dirname(file), specifier) : undefined;
      if (target !== undefined && !seen.has(target)) seen.set(target, [...chain, target]);
    }
  }
}

/** The layer of a file of core: its folder. Undefined for one that stands above all folders, such as index.ts. */
function layerOf(file) {
  const [folder, ...rest] = relative(join("core", "src"), file).split(sep);
  return rest.length === 0 ? undefined : folder;
}

/**
 * The module specifiers of a file's import and export statements, and of its dynamic imports; `static`: only those that
 * load the other one along with it.
 */
function importsOf(source, kind = "all") {
  // Without comments, and without texts of several lines: those are other programs.
  const code = source.replaceAll(/^\s*(\/\/|\*|\/\*).*$/gm, "").replaceAll(/`[^`]*\n[^`]*`/g, "``");
  const statements = code.matchAll(
    /^\s*(?:import\b[^;"'`(]*?(?:from\s*)?|export\b[^;"'`(=]*?\bfrom\s*)"([^"]+)"/gm,
  );
  if (kind === "static")
    return [...statements]
      .filter(([text]) => !/^\s*(import|export) type\b/.test(text))
      .map((match) => match[1]);
  const calls = code.matchAll(/\bimport\(\s*"([^"]+)"\s*\)/g);
  return [...statements, ...calls].map((match) => match[1]);
}
