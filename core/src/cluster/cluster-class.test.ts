import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, expectTypeOf, test } from "vitest";
import { ScriptedProvider } from "./cluster.test.kit.ts";
import { Cluster, ClusterClassError, type KwargsOf, resolveClusterClass } from "./index.ts";

class MyCluster extends Cluster {
  constructor({ workers = 1 }: { workers?: number } = {}) {
    super({ provider: new ScriptedProvider(), workers });
  }
}

declare module "./cluster-registry.ts" {
  interface ClusterRegistry {
    "test#MyCluster": typeof MyCluster;
  }
}

/** A user's project: modules whose clusters come from another copy of core, known by its brand alone. */
const project = mkdtempSync(join(tmpdir(), "muster-cluster-class-"));
afterAll(() => rmSync(project, { recursive: true }));

const branded = `
  class Cluster { constructor(kwargs) { this.kwargs = kwargs; } }
  Object.defineProperty(Cluster.prototype, Symbol.for("muster.error.Cluster"), { value: true });
`;
const files = {
  "package.json": JSON.stringify({
    name: "project",
    type: "module",
    imports: { "#mine": "./mine.js", "#many/*": "./*.js" },
  }),
  "mine.js": `${branded}
    export class Mine extends Cluster {}
    export const make = (kwargs) => new Mine({ made: true, ...kwargs });
    export const later = async (kwargs) => make(kwargs);
    export const text = "text";
    export const nothing = () => undefined;
    export class Other {}
    export default class Standard extends Mine {}`,
  "broken.js": "throw new TypeError('no API key');",
  "plain.js": "export const text = 'text';",
  "node_modules/@muster/fake/package.json": JSON.stringify({
    name: "@muster/fake",
    type: "module",
    exports: "./index.js",
  }),
  "node_modules/@muster/fake/index.js": `${branded} export class FakeCluster extends Cluster {}`,
  "node_modules/clusters/package.json": JSON.stringify({
    name: "clusters",
    type: "module",
    exports: { "./a": "./a.js" },
  }),
  "node_modules/clusters/a.js": `${branded} export class A extends Cluster {}`,
};
for (const [path, content] of Object.entries(files)) {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), content);
}

const made = async (clusterClass: Parameters<typeof resolveClusterClass>[0], kwargs: object = {}) =>
  (await resolveClusterClass(clusterClass, { from: project }))(kwargs);
const kindOf = async (clusterClass: string) => (await made(clusterClass)).constructor.name;

test("a class, a factory, and a factory that takes its time", async () => {
  expect((await made(MyCluster, { workers: 3 })).wanted).toBe(3);
  expect((await made((kwargs: { workers: number }) => new MyCluster(kwargs), { workers: 4 })).wanted).toBe(4);
  expect(await made(async () => new MyCluster())).toBeInstanceOf(MyCluster);
  expect(
    await made(function old() {
      return new MyCluster();
    }),
  ).toBeInstanceOf(MyCluster);
});

test.each([
  ["./mine.js#Mine", "Mine"],
  ["./mine.js#make", "Mine"],
  ["./mine.js#later", "Mine"],
  ["./mine.js", "Standard"],
  [`${project}/mine.js#Mine`, "Mine"],
  ["#mine", "Standard"],
  ["#mine#Mine", "Mine"],
  ["#many/mine#Mine", "Mine"],
  ["providers/fake#FakeCluster", "FakeCluster"],
  ["@muster/fake#FakeCluster", "FakeCluster"],
  ["clusters/a#A", "A"],
])("%s", async (clusterClass, kind) => {
  expect(await kindOf(clusterClass)).toBe(kind);
});

test("kwargs reach what is named by a string", async () => {
  expect(await made("./mine.js#make", { workers: 2 })).toMatchObject({ kwargs: { made: true, workers: 2 } });
});

test.each([
  [
    "./mine.js#Mien",
    'the module "./mine.js" has no export "Mien". Its classes and functions are: Mine, Other, default, later, make, nothing.',
  ],
  ["./mine.js#toString", 'has no export "toString"'],
  ["./mine.js#text", 'exports as "text" something that is no class and no function'],
  ["./plain.js", 'has no export "default". It exports no class or function.'],
  ["./mine.js#nothing", 'clusterClass "./mine.js#nothing" made undefined, not a cluster'],
  ["./mine.js#Other", 'clusterClass "./mine.js#Other" is a class that does not extend Cluster.'],
  ["./broken.js#X", 'importing the module "./broken.js" failed: no API key'],
  ["./absent.js#X", 'importing the module "./absent.js" failed'],
  [
    "absent#X",
    `the module "absent" is not found from ${project}. Is it installed? "npm install absent" does so.`,
  ],
  ["providers/absent#X", 'the module "@muster/absent" is not found from'],
  ["", 'clusterClass "" names no class: write "module#Export"'],
  ["./mine.js#", "names no class"],
  ["#", "names no class"],
])("%j is refused: %s", async (clusterClass, message) => {
  const error = await made(clusterClass).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ClusterClassError);
  expect((error as Error).message).toContain(message);
});

test("an import that fails keeps its own error as the cause", async () => {
  const error: ClusterClassError = await made("./broken.js#X").catch((thrown) => thrown);
  expect(error).toMatchObject({ code: "CLUSTER_CLASS", clusterClass: "./broken.js#X" });
  expect(error.cause).toMatchObject({ name: "TypeError", message: "no API key" });
});

test("what is no cluster is described", async () => {
  await expect(made((() => new Map()) as never)).rejects.toThrow(
    "(an unnamed function) made a Map, not a cluster",
  );
});

test("an error of the class itself comes through as it is", async () => {
  await expect(made(MyCluster, { workers: -1 })).rejects.toMatchObject({
    code: "INVALID_OPTION",
    option: "workers",
  });
});

test("kwargs are typed for a class, a factory and a registered string", () => {
  expectTypeOf<KwargsOf<typeof MyCluster>>().toEqualTypeOf<{ workers?: number }>();
  expectTypeOf<KwargsOf<(kwargs: { image: string }) => Promise<Cluster>>>().toEqualTypeOf<{
    image: string;
  }>();
  expectTypeOf<KwargsOf<() => Cluster>>().toEqualTypeOf<Record<string, never>>();
  expectTypeOf<KwargsOf<"test#MyCluster">>().toEqualTypeOf<{ workers?: number }>();
  expectTypeOf<KwargsOf<"./unknown.js#Mine">>().toEqualTypeOf<Record<string, unknown>>();
});
