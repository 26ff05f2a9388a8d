// Everything about the code that can be checked without running it. One line a step; a failed one with its output.
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const publishedPackages = ["core", ...globSync("providers/*")];
const steps = [
  ["types", "tsc", "-b"],
  ["lint and format", "biome", "check", "--error-on-warnings", "."],
  ["layers", "node", "scripts/check-layers.mjs"],
  ["unused exports and dependencies", "knip"],
  ...publishedPackages.map((directory) => [`package ${directory}`, "publint", "run", directory, "--strict"]),
];

/** Runs a command of `node_modules/.bin`, which npm puts on the path. */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ ok: false, output: `${error.message}\n` }));
    child.on("close", (exitCode) => resolve({ ok: exitCode === 0, output }));
  });
}

let failed = 0;
for (const [name, command, ...args] of steps) {
  const { ok, output } = await run(command, args);
  console.log(`${ok ? "ok    " : "FAILED"} ${name}`);
  if (!ok) {
    failed++;
    console.log(output.replaceAll(/^/gm, "       "));
  }
}
process.exitCode = failed === 0 ? 0 : 1;
