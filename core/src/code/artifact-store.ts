import { randomUUID } from "node:crypto";
import { lstat, mkdir, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { MusterError } from "../base/errors.ts";
import { currentDirectory, currentUser, makeTemporaryDirectory } from "../base/places.ts";
import type { BundleUnit } from "../contracts/code-unit.ts";

const KEPT_MS = 7 * 24 * 60 * 60 * 1000;

export interface WriteArtifactOptions {
  /** Where packages may be installed if the bundle's own project is not on this machine. @default the current one */
  directory?: string;
}

/**
 * Puts a bundle into a file from which its external packages resolve, once for all processes of a machine, and
 * gives its path: in `node_modules/.cache/muster` of the user's project, else of `directory`, else in a temporary
 * directory of this user's own.
 */
export async function writeArtifact(
  unit: Pick<BundleUnit, "id" | "code" | "resolveFrom">,
  { directory = currentDirectory() }: WriteArtifactOptions = {},
): Promise<string> {
  if (!/^[0-9a-f]{64}$/.test(unit.id))
    throw new MusterError("CODE", `A bundle's id is no SHA-256: "${unit.id}".`);
  for (const candidate of [unit.resolveFrom, directory]) {
    const modules = await nearestModules(candidate);
    const path = modules && (await writeInto(join(modules, ".cache", "muster"), unit).catch(() => undefined));
    if (path) return path;
  }
  const shared = await privateDirectory();
  const path = shared && (await writeInto(shared, unit).catch(() => undefined));
  return path ?? writeInto(makeTemporaryDirectory("muster-"), unit);
}

type Artifact = Pick<BundleUnit, "id" | "code">;

async function writeInto(directory: string, { id, code }: Artifact): Promise<string> {
  const path = join(directory, `${id}.mjs`);
  if ((await sizeOf(path)) === code.byteLength) {
    // Marks it as in use.
    await utimes(path, new Date(), new Date()).catch(() => undefined);
    return path;
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const temporary = join(directory, `${randomUUID()}.tmp`);
  await writeFile(temporary, code, { mode: 0o600 });
  await rename(temporary, path);
  void prune(directory);
  return path;
}

async function prune(directory: string): Promise<void> {
  const oldest = Date.now() - KEPT_MS;
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    const path = join(directory, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() && found.mtimeMs < oldest) await rm(path, { force: true }).catch(() => undefined);
  }
}

/** The `node_modules` from which a directory's packages resolve first. */
async function nearestModules(directory: string): Promise<string | undefined> {
  const modules = join(directory, "node_modules");
  if ((await stat(modules).catch(() => undefined))?.isDirectory()) return modules;
  const parent = dirname(directory);
  return parent === directory ? undefined : nearestModules(parent);
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}

/** The same for all processes of this user; undefined if somebody else was there before, or nobody can be. */
async function privateDirectory(): Promise<string | undefined> {
  const uid = process.getuid?.();
  const shared = join(tmpdir(), `muster-${currentUser()}`);
  await mkdir(shared, { mode: 0o700 }).catch(() => undefined);
  const found = await lstat(shared).catch(() => undefined);
  const ours =
    found?.isDirectory() && (uid === undefined || (found.uid === uid && (found.mode & 0o077) === 0));
  return ours ? shared : undefined;
}
