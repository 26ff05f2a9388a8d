import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { CallSite } from "../contracts/code-unit.ts";
import { callSite } from "./call-site.ts";
import { Project } from "./project.test.kit.ts";

function define(): CallSite | undefined {
  return callSite(define);
}
function helper(): CallSite | undefined {
  return define();
}
const atTopLevel = define();
const throughHelper = helper();
const inCallback = [1].map(() => define())[0];
const asCallback = [1].map(define)[0];

const file = fileURLToPath(import.meta.url);

test("in vitest, a call at a module's top level is told from one in a function", async () => {
  expect(atTopLevel).toMatchObject({ file, line: 15, nested: false });
  expect(throughHelper).toMatchObject({ file, line: 13, nested: false });
  expect(inCallback).toMatchObject({ file, line: 17, nested: false });
  expect(asCallback).toMatchObject({ file, line: 18, nested: false });
  expect(define()).toMatchObject({ file, line: 27, nested: true });
  await Promise.resolve();
  expect(helper()).toMatchObject({ file, line: 13, nested: true });
});

test("the module to import is the one that called a helper, not the helper's", async () => {
  await using project = await Project.create({
    "node_modules/@muster/core/index.js": CORE,
    "main.ts": 'import { show } from "@muster/core"; import { both } from "./helper.ts"; both(); show();',
    "helper.ts": 'import { task } from "@muster/core"; export const both = () => { task("a"); task("b"); };',
  });
  const { stdout } = await promisify(execFile)(process.execPath, [project.path("main.ts")]);
  const site = { file: project.path("helper.ts"), module: project.path("main.ts"), nested: false };
  expect(JSON.parse(stdout)).toMatchObject({ a: site, b: site });
});

/** Prints where each of its tasks is defined, and whether that is nested, by name. */
const SOURCE = `import { show, flow, task } from "@muster/core";
interface Unused { text: string }

task("top", () => 1);
const make = (name: string) => task(name, () => 1);
make("helper");
for (const name of ["loop"]) {
  task(name, () => 1);
}
(() => task("function called at once", () => 1))();
await Promise.resolve();
task("after top-level await", () => 1);
const late = async () => { await Promise.resolve(); task("function awaited", () => 1); };
await late();
await flow(async () => { task("flow body", () => 1); await null; make("flow body, later"); });
setImmediate(() => { task("callback", () => 1); show(); });
`;
const EXPECTED = {
  top: [4, false],
  helper: [5, false],
  loop: [8, false],
  "function called at once": [10, false],
  "after top-level await": [12, false],
  "function awaited": [13, true],
  "flow body": [15, true],
  "flow body, later": [5, true],
  callback: [16, true],
};
const CORE = `import { AsyncLocalStorage } from "node:async_hooks";
import { callSite } from "${new URL("./call-site.ts", import.meta.url)}";
const sites = {};
export function task(name) { sites[name] = callSite(task); }
export async function flow(body) { return new AsyncLocalStorage().run({}, body); }
export function show() { console.log(JSON.stringify(sites)); }
`;

async function sitesOf(project: Project, script: string): Promise<Record<string, [number, boolean]>> {
  const { stdout } = await promisify(execFile)(process.execPath, [script]);
  const sites = Object.entries(JSON.parse(stdout) as Record<string, CallSite & { nested: boolean }>);
  expect(new Set(sites.map(([, site]) => site.file))).toEqual(new Set([project.path("main.ts")]));
  return Object.fromEntries(sites.map(([name, { line, nested }]) => [name, [line, nested]]));
}

test("in a program that node runs from its TypeScript source, the places are the source's", async () => {
  await using project = await Project.create({
    "main.ts": SOURCE,
    "node_modules/@muster/core/index.js": CORE,
  });
  expect(await sitesOf(project, project.path("main.ts"))).toEqual(EXPECTED);
});

test("in a bundle, the places are those in the source", async () => {
  await using project = await Project.create({
    "main.ts": SOURCE,
    "node_modules/@muster/core/index.js": CORE,
  });
  const { id, code } = await project.bundle(["main.ts"]);
  await project.write({
    [`${id}.mjs`]: Buffer.from(code).toString(),
    "driver.js": `import { importArtifact } from "${new URL("./loader.ts", import.meta.url)}";
import { provideModules } from "${new URL("./injected.ts", import.meta.url)}";
import * as core from "@muster/core";
provideModules(new Map([["@muster/core", core]]));
const { roots } = await importArtifact(${JSON.stringify(project.path(`${id}.mjs`))});
await roots[0]();`,
  });
  expect(await sitesOf(project, project.path("driver.js"))).toEqual(EXPECTED);
});
