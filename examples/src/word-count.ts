import { readFile } from "node:fs/promises";
import { flow, TemporaryClusterExecutor, task } from "@muster/core";

const countWords = task({ name: "count-words", retries: 2 }, async (file: string) => {
  const counts: Record<string, number> = {};
  for (const word of (await readFile(file, "utf8")).match(/\w+/g) ?? [])
    counts[word] = (counts[word] ?? 0) + 1;
  return counts;
});

const merge = task("merge", (all: Record<string, number>[]) => {
  const total: Record<string, number> = {};
  for (const counts of all) {
    for (const [word, count] of Object.entries(counts)) total[word] = (total[word] ?? 0) + count;
  }
  return total;
});

export default flow(
  { name: "word-count", executor: new TemporaryClusterExecutor({ clusterKwargs: { workers: 4 } }) },
  async ({ files }: { files: string[] }) => merge(countWords.map(files)),
);
