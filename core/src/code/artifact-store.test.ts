import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, realpath, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { writeArtifact } from "./artifact-store.ts";
import { Project } from "./project.test.kit.ts";

function artifact(resolveFrom: string) {
  const code = randomBytes(20);
  return { id: createHash("sha256").update(code).digest("hex"), code, resolveFrom };
}

test("the project's own node_modules is preferred, also one further up", async () => {
  await using project = await Project.create({ "packages/a/index.ts": "" });
  const unit = artifact(project.path("packages/a"));
  const path = await writeArtifact(unit);
  expect(path).toBe(project.path(`node_modules/.cache/muster/${unit.id}.mjs`));
  expect(await readFile(path)).toEqual(unit.code);
});

test("where the project is not on this machine, the worker's own directory is taken", async () => {
  await using project = await Project.create({});
  const path = await writeArtifact(artifact("/not/on/this/machine"), { directory: project.directory });
  expect(dirname(path)).toBe(project.path("node_modules/.cache/muster"));
});

test("without any node_modules, a directory that only this user can read is taken", async () => {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "muster-test-")));
  try {
    const path = await writeArtifact(artifact(directory), { directory });
    expect(path.startsWith(tmpdir())).toBe(true);
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
    await rm(path);
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("a file that was left incomplete is replaced, and what was not used for a week is removed", async () => {
  await using project = await Project.create({});
  const unit = artifact(project.directory);
  const path = await writeArtifact(unit);
  const old = await writeArtifact(artifact(project.directory));
  const eightDaysAgo = Date.now() / 1000 - 8 * 24 * 3600;
  await utimes(old, eightDaysAgo, eightDaysAgo);
  await writeFile(path, "half");
  expect(await writeArtifact(unit)).toBe(path);
  expect(await readFile(path)).toEqual(unit.code);
  await expect.poll(() => readdir(dirname(path))).toEqual([`${unit.id}.mjs`]);
});

test("an id that is no hash is refused before it becomes a path", async () => {
  const unit = { ...artifact("/"), id: "../../evil" };
  await expect(writeArtifact(unit)).rejects.toMatchObject({ code: "CODE" });
});
