import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { type Manifest, parseManifest, readManifest } from "./manifest.ts";
import { PackageFinder } from "./native-package.ts";

const FIELDS = [
  ...["main", "gypfile", "binary", "napi", "dependencies", "optionalDependencies"],
  ...["name", "version", "type", "exports", "browser", "bin", "scripts", "files", "workspaces"],
];

const EMPTY: Manifest = {
  main: undefined,
  gypfile: false,
  binary: undefined,
  napi: undefined,
  hasVoidExports: false,
  dependencies: new Set(),
  optionalDependencies: new Set(),
};

function packageDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "muster-manifest-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

test("whatever the fields of a manifest are, what is read of them has its type", () => {
  const manifest = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(fc.constantFrom(...FIELDS, "__proto__", "constructor"), fc.jsonValue()),
  );
  fc.assert(
    fc.property(manifest, (fields) => {
      const read = parseManifest(JSON.stringify(fields));
      expect(["string", "undefined"]).toContain(typeof read.main);
      expect(typeof read.gypfile).toBe("boolean");
      for (const object of [read.binary, read.napi]) expect(["object", "undefined"]).toContain(typeof object);
      for (const names of [read.dependencies, read.optionalDependencies])
        expect([...names].every((name) => typeof name === "string")).toBe(true);
    }),
  );
});

test("whatever the text of a manifest is, nothing is known of its package at worst", () => {
  fc.assert(fc.property(fc.string(), (text) => void parseManifest(text)));
});

test("fields that are what they should be are read, also behind a byte order mark", () => {
  const text = JSON.stringify({
    main: "./build/a.node",
    gypfile: true,
    binary: { module_name: "a" },
    dependencies: { nan: "2" },
    optionalDependencies: { "@a/linux-x64": "1" },
  });
  const manifest = {
    ...EMPTY,
    main: "./build/a.node",
    gypfile: true,
    binary: { module_name: "a" },
    dependencies: new Set(["nan"]),
    optionalDependencies: new Set(["@a/linux-x64"]),
  };
  expect(parseManifest(text)).toEqual(manifest);
  expect(parseManifest(`\uFEFF${text}`)).toEqual(manifest);
});

test.each<[string, (path: string) => void]>([
  ["not there", () => {}],
  ["empty", (path) => writeFileSync(path, "")],
  ["no JSON", (path) => writeFileSync(path, "{ main: ")],
  ["binary", (path) => writeFileSync(path, new Uint8Array([0xff, 0xfe, 0, 0x7b]))],
  ["a directory", (path) => mkdirSync(path)],
  ["a pipe that nobody writes into", (path) => void execFileSync("sh", ["-c", `mkfifo "${path}"`])],
])("of a package whose manifest is %s nothing is known, and it is still found", (_, make) => {
  const directory = packageDirectory();
  const own = join(directory, "node_modules", "own");
  mkdirSync(own, { recursive: true });
  make(join(own, "package.json"));
  expect(readManifest(own)).toEqual(EMPTY);
  const packages = new PackageFinder();
  expect(packages.find("own", join(directory, "src"))).toBe(own);
  expect(packages.isNative(own)).toBe(false);
});
