import { hash } from "node:crypto";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { flow, TemporaryClusterExecutor, task } from "@muster/core";
import { type DuplicateGroup, formatReport, wastedBytes } from "./duplicate-report.ts";

export interface FoundFile {
  /** Absolute path. */
  path: string;
  bytes: number;
}

export interface HashedFile extends FoundFile {
  /** SHA-256 of the content, in hex. */
  sha256: string;
}

/** One file is too little work for a task; a batch is worth sending to another process. */
const FILES_PER_TASK = 8;

/** All files below a directory, in batches. Tools' own directories (`.bin`, `.cache`) at its top are left out. */
const listFiles = task("list-files", async (directory: string): Promise<FoundFile[][]> => {
  const visible = (await readdir(directory)).filter((name) => !name.startsWith("."));
  const files: FoundFile[] = [];
  const seen = new Set<number>();
  for (const name of visible) await collectFiles(join(directory, name), files, seen);
  return Array.from({ length: Math.ceil(files.length / FILES_PER_TASK) }, (_, batch) =>
    files.slice(batch * FILES_PER_TASK, (batch + 1) * FILES_PER_TASK),
  );
});

const hashFiles = task(
  "hash-files",
  (files: FoundFile[]): Promise<HashedFile[]> =>
    Promise.all(files.map(async (file) => ({ ...file, sha256: hash("sha256", await readFile(file.path)) }))),
);

/** Files of the same content, those that waste most first. */
const groupDuplicates = task("group-duplicates", (batches: HashedFile[][]): DuplicateGroup[] => {
  const nonEmpty = batches.flat().filter((file) => file.bytes > 0);
  const groups = [...Map.groupBy(nonEmpty, (file) => file.sha256).values()]
    .filter((files) => files.length > 1)
    .map((files) => ({ bytes: files[0]!.bytes, paths: files.map((file) => file.path).sort() }));
  return groups.sort((a, b) => wastedBytes(b) - wastedBytes(a));
});

export default flow(
  { name: "duplicates", executor: new TemporaryClusterExecutor() },
  async ({ directory = "node_modules" }: { directory?: string }) => {
    const root = resolve(directory);
    const hashed = hashFiles.map(listFiles(root));
    const groups = await groupDuplicates(hashed);
    console.log(formatReport(groups, root));
    return groups;
  },
);

/** Adds a file, or all below a directory. Links are left out: another name for a file takes no space. */
async function collectFiles(path: string, files: FoundFile[], seen: Set<number>): Promise<void> {
  const found = await lstat(path);
  if (found.isDirectory()) {
    for (const name of await readdir(path)) await collectFiles(join(path, name), files, seen);
  } else if (found.isFile() && !seen.has(found.ino)) {
    seen.add(found.ino);
    files.push({ path, bytes: found.size });
  }
}
