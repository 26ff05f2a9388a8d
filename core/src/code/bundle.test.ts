import { readdir, stat } from "node:fs/promises";
import { expect, test } from "vitest";
import { writeArtifact } from "./artifact-store.ts";
import { driverModules, provideModules } from "./injected.ts";
import { importArtifact } from "./loader.ts";
import { Project } from "./project.test.kit.ts";

const TASK = 'import { task } from "@muster/core";\n';

test("a task of a bundle runs in another thread, and errors name the user's own file and line", async () => {
  await using project = await Project.create({
    "flows/main.ts": `${TASK}import { twice } from "../lib/twice.ts";
interface Size { bytes: number }

task("double", (size: Size) => twice(size.bytes));
task("fail", () => {
  const size: Size = { bytes: 1 };
  throw new RangeError(\`no \${size.bytes}\`);
});`,
    "lib/twice.ts": "export const twice = (x: number): number => x * 2;",
  });
  const unit = await project.bundle(["flows/main.ts"]);
  const [double, fail] = await project.run(unit, [
    { name: "double", args: [{ bytes: 21 }] },
    { name: "fail" },
  ]);

  expect(double).toEqual({
    value: 42,
    site: { file: project.path("flows/main.ts"), line: 5, column: 1, nested: false },
  });
  expect(fail?.error).toBeInstanceOf(RangeError);
  expect(fail?.stack).toContain(`${project.path("flows/main.ts")}:8:`);
  expect(unit.inputs).toEqual(new Set([project.path("flows/main.ts"), project.path("lib/twice.ts")]));
  expect(unit).toMatchObject({ externals: [], injected: ["@muster/core"] });
});

test("what TypeScript, Node and packages can do, a bundle can", async () => {
  await using project = await Project.create({
    "tsconfig.json": '{ "compilerOptions": { "experimentalDecorators": true } }',
    "main.ts": `#!/usr/bin/env node
${TASK}import { createRequire } from "node:module";
import old from "old-package";
import settings from "./settings.json" with { type: "json" };
import { asset } from "located";

enum Color { Red = "red" }
function mark(target: { marked?: boolean }) { target.marked = true; }
@mark class Marked { static marked?: boolean; constructor(readonly color: Color) {} }
const late = await Promise.resolve("top-level await");
const require = createRequire(import.meta.url);

task("all", async () => ({
  color: new Marked(Color.Red).color,
  marked: Marked.marked,
  name: Marked.name,
  late,
  settings,
  old: old.fromBuiltin("/a/b"),
  dynamic: (await import("./lazy.ts")).lazy,
  required: require("./settings.json"),
  url: import.meta.url,
  places: [import.meta.dirname, import.meta.filename],
  main: import.meta.main,
  asset,
}));`,
    "lazy.ts": 'globalThis.evaluated = true; export const lazy = "lazy";',
    "settings.json": '{ "level": 3 }',
    "node_modules/old-package/package.json": '{ "name": "old-package", "main": "index.js" }',
    "node_modules/old-package/index.js": `const path = require("path");
try { require("not-installed"); } catch {}
exports.fromBuiltin = (file) => path.basename(file);
exports.rarely = () => require("not-installed-either");`,
    "node_modules/located/package.json": '{ "name": "located", "main": "index.js" }',
    "node_modules/located/index.js":
      'exports.asset = require("fs").readFileSync(__dirname + "/asset.txt", "utf8");',
    "node_modules/located/asset.txt": "an asset",
  });
  const [all] = await project.run(await project.bundle(["main.ts"]), [{ name: "all" }]);
  expect(all?.value).toEqual({
    color: "red",
    marked: true,
    name: "Marked",
    late: "top-level await",
    settings: { level: 3 },
    old: "b",
    dynamic: "lazy",
    required: { level: 3 },
    url: `file://${project.path("main.ts")}`,
    places: [project.directory, project.path("main.ts")],
    main: false,
    asset: "an asset",
  });
});

const ODD_VALUES = [false, true, 0, 7, null, "", [], ["./index.js"], {}, { a: 1 }];
const ODD_FIELDS = ["main", "module", "exports", "type", "name", "version", "dependencies", "bin", "browser"];
const MORE_ODD_FIELDS = [
  "binary",
  "gypfile",
  "napi",
  "scripts",
  "files",
  "workspaces",
  "optionalDependencies",
];

test("whatever packages say of themselves, they are bundled if Node would import them", async () => {
  const manifests = [...ODD_FIELDS, ...MORE_ODD_FIELDS].flatMap((field) =>
    ODD_VALUES.map((value) => JSON.stringify({ [field]: value })),
  );
  // Node refuses those, too.
  const refused = [
    '{"exports":null}',
    '{"exports":""}',
    '{"exports":[]}',
    '{"exports":{}}',
    '{"exports":{"a":1}}',
  ];
  const texts = ["[]", "null", '\uFEFF{ "main": "./index.js" }', ...manifests].filter(
    (text) => !refused.includes(text),
  );
  const imports = texts.map((_, index) => `import p${index} from "p${index}";`).join("\n");
  await using project = await Project.create({
    ...Object.fromEntries(
      texts.flatMap((text, index) => [
        [`node_modules/p${index}/package.json`, text],
        [`node_modules/p${index}/index.js`, "module.exports = 1;"],
      ]),
    ),
    "main.ts": `${TASK}${imports}\ntask("sum", () => ${texts.map((_, index) => `p${index}`).join(" + ")});`,
  });
  const unit = await project.bundle(["main.ts"]);
  expect(await project.run(unit, [{ name: "sum" }])).toMatchObject([{ value: texts.length }]);
});

test("packages with native code and chosen ones are left out, and are imported from the project", async () => {
  const native = (name: string, manifest: object) => ({
    [`node_modules/${name}/package.json`]: JSON.stringify({ name, main: "index.js", ...manifest }),
    [`node_modules/${name}/index.js`]: `exports.name = "${name}";`,
  });
  await using project = await Project.create({
    ...native("by-gyp", {}),
    "node_modules/by-gyp/binding.gyp": "{}",
    ...native("by-prebuilds", {}),
    "node_modules/by-prebuilds/prebuilds/linux-x64/a.node": "",
    ...native("@scope/by-platform", { optionalDependencies: { "@scope/by-platform-linux-x64": "1" } }),
    ...native("by-loader", { dependencies: { "node-gyp-build": "^4" } }),
    ...native("chosen", {}),
    ...native("plain", {}),
    "main.ts": `${TASK}${["by-gyp", "by-prebuilds", "@scope/by-platform", "by-loader", "chosen", "plain"]
      .map((name, index) => `import p${index} from "${name}";`)
      .join("\n")}
task("names", () => [p0, p1, p2, p3, p4, p5].map((one) => one.name));`,
  });
  const unit = await project.bundle(["main.ts"], ["chosen"]);
  expect(unit.externals).toEqual(["@scope/by-platform", "by-gyp", "by-loader", "by-prebuilds", "chosen"]);
  const [names] = await project.run(unit, [{ name: "names" }]);
  expect(names?.value).toEqual([
    "by-gyp",
    "by-prebuilds",
    "@scope/by-platform",
    "by-loader",
    "chosen",
    "plain",
  ]);
});

test("a package that is left out and not installed is named", async () => {
  await using project = await Project.create({
    "main.ts": `${TASK}import "missing/sub";\ntask("t", () => 1);`,
  });
  const [outcome] = await project.run(await project.bundle(["main.ts"], ["missing"]), [{ name: "t" }]);
  expect(outcome?.error?.message).toMatch(/The package "missing" is not part of the code .* worker's image/);
});

test("roots that fail, or never end, do not stop the others", async () => {
  await using project = await Project.create({
    "fails.ts": `${TASK}task("before", () => 1);\nthrow new Error("out of luck");\ntask("after", () => 1);`,
    "runs.ts": `import { flow, task } from "@muster/core";
task("first", () => 1);
await flow(() => 1).run();
task("never", () => 1);`,
    "hangs.ts": "await new Promise(() => undefined);",
    "works.ts": `${TASK}task("works", () => 1);`,
  });
  const unit = await project.bundle(["fails.ts", "runs.ts", "hangs.ts", "works.ts"]);
  const names = ["before", "first", "works", "after"];
  const outcomes = await project.run(
    unit,
    names.map((name) => ({ name })),
    200,
  );
  expect(outcomes.map((one) => one.value)).toEqual([1, 1, 1, undefined]);
  expect(outcomes[3]?.error).toMatchObject({
    message: 'The task "after" is not there on a worker, since importing its code failed: out of luck',
    cause: { message: "out of luck" },
  });
});

test("what follows a flow's run that nobody awaits is still defined", async () => {
  await using project = await Project.create({
    "main.ts": `import { flow, task } from "@muster/core";
void flow(() => 1).run();
for (let turns = 0; turns < 50; turns++) await null;
task("later", () => "defined");`,
  });
  const [later] = await project.run(await project.bundle(["main.ts"]), [{ name: "later" }]);
  expect(later?.value).toBe("defined");
});

test("what exists only in the driver has no effect on import, and says so when a task calls it", async () => {
  await using project = await Project.create({
    "main.test.ts": `import { Cluster, task } from "@muster/core";
import { expect, test, vi } from "vitest";
import { describe } from "node:test";
import * as everything from "@muster/core";
vi.mock("./x.ts", () => ({}));
test.each([1])("%d", () => { expect(1).toBe(1); });
describe("x", () => undefined);
class Mine extends Cluster { size = 2; grow() { return ++this.size; } }
const cluster = new Cluster({ workers: 2 });
cluster.options.workers = 4;
task("extended", () => [new Mine().grow(), new everything.Cluster() instanceof Mine]);
task("called", () => cluster.start());`,
    "node_modules/vitest/package.json": '{ "name": "vitest", "type": "module", "exports": "./index.js" }',
    "node_modules/vitest/index.js": "export const expect = 1, test = 1, vi = 1;",
  });
  const unit = await project.bundle(["main.test.ts"]);
  expect(unit.injected).toEqual(["@muster/core", "node:test", "vitest"]);
  const [extended, called] = await project.run(unit, [{ name: "extended" }, { name: "called" }]);
  expect(extended?.value).toEqual([3, false]);
  expect(called?.error).toMatchObject({
    message: expect.stringMatching(
      /^"start" of an instance of "Cluster" of @muster\/core exists only in the process/,
    ),
  });
});

test("a driver imports the same artifact, with the real modules, and a root only when it asks for it", async () => {
  await using project = await Project.create({
    "a.ts": 'import { Cluster } from "@muster/core"; export const state = new Cluster().start();',
    "b.ts": 'throw new Error("was not asked for");',
  });
  const unit = await project.bundle(["a.ts", "b.ts"]);
  provideModules(await driverModules(unit));
  const { roots } = await importArtifact(await writeArtifact(unit));
  expect(await roots[0]!()).toEqual({ state: "started" });
});

test("tasks of one name are told apart by their place", async () => {
  await using project = await Project.create({
    "a.ts": `${TASK}task("same", () => "a");`,
    "b.ts": `${TASK}task("same", () => "b");`,
  });
  const site = (file: string, line: number) => ({ file: project.path(file), line, column: 1 });
  const calls = [{ site: site("a.ts", 2) }, { site: site("b.ts", 2) }, { site: site("c.ts", 1) }, {}];
  const outcomes = await project.run(
    await project.bundle(["a.ts", "b.ts"]),
    calls.map((call) => ({ name: "same", ...call })),
  );
  expect(outcomes.map((one) => one.value)).toEqual(["a", "b", undefined, undefined]);
  expect(outcomes[2]?.error?.message).toMatch(
    /"same" \(.*c\.ts:1\) is not there on a worker: importing its module/,
  );
  expect(outcomes[3]?.error?.message).toMatch(/2 tasks are called "same": .*a\.ts:2, .*b\.ts:2/);
});

test("the same sources make the same bundle, in a file that all processes of this user share", async () => {
  await using project = await Project.create({ "main.ts": `${TASK}task("t", () => import.meta.url);` });
  const [one, other] = [await project.bundle(["main.ts"]), await project.bundle(["main.ts"])];
  expect(other.id).toBe(one.id);
  await Promise.all([project.run(one, []), project.run(other, [])]);
  const cache = project.path("node_modules/.cache/muster");
  expect(await readdir(cache)).toEqual([`${one.id}.mjs`]);
  expect((await stat(`${cache}/${one.id}.mjs`)).mode & 0o777).toBe(0o600);
});

test.each<[string, string, RegExp]>([
  [
    "a syntax error",
    "const x: number = 1;\nconst = 2;",
    /cannot be bundled: Expected identifier.*\n {2}at .*main\.ts:2:7: const = 2;$/,
  ],
  [
    "an import that does not resolve",
    'import "./nowhere.ts";',
    /Could not resolve "\.\/nowhere\.ts"\n {2}at .*main\.ts:1:8/,
  ],
  [
    "a package that is not installed",
    'import "nowhere";',
    /Could not resolve "nowhere"\n {2}at .*main\.ts:1:8/,
  ],
  [
    "an export that is not there",
    'import { tusk } from "@muster/core"; tusk();',
    /No matching export.*"tusk"\n {2}at .*main\.ts:1/,
  ],
  [
    "a provider that is not installed",
    'import "@muster/nowhere";',
    /"@muster\/nowhere" cannot be imported from/,
  ],
])("%s is told with its place", async (_name, text, message) => {
  await using project = await Project.create({ "main.ts": text });
  const failure = project.bundle(["main.ts"]);
  await expect(failure).rejects.toThrow(message);
  await expect(failure).rejects.toMatchObject({ code: "CODE", cause: expect.anything() });
});

test("a root that does not exist is named", async () => {
  await using project = await Project.create({});
  await expect(project.bundle(["none.ts"])).rejects.toThrow(
    `The file ${project.path("none.ts")} does not exist`,
  );
});
