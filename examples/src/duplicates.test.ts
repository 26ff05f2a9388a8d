import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { type DuplicateGroup, wastedBytes } from "./duplicate-report.ts";
import duplicates from "./duplicates.ts";

/** A package that every clone has, in which whole files appear twice. */
const directory = dirname(createRequire(import.meta.url).resolve("zod/package.json"));

/** The same question answered another way: one file after the other, compared by their bytes. */
function duplicatesOneByOne(): string[][] {
  const groups = new Map<string, string[]>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile()) continue;
    const content = readFileSync(path).toString("latin1");
    if (content !== "") groups.set(content, [...(groups.get(content) ?? []), path]);
  }
  return [...groups.values()].filter((paths) => paths.length > 1).map((paths) => paths.sort());
}

test("the duplicates are those that a sequential search finds, the most wasteful first", async () => {
  const state = await duplicates.run({ parameters: { directory } });
  const groups: DuplicateGroup[] = state.unwrap();

  const found = groups.map((group) => group.paths);
  expect(found.length).toBeGreaterThan(0);
  expect(found.toSorted()).toEqual(duplicatesOneByOne().toSorted());
  expect(groups).toEqual(groups.toSorted((a, b) => wastedBytes(b) - wastedBytes(a)));
});
