import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import wordCount from "./word-count.ts";

test("the words of all files are counted", async () => {
  const directory = await mkdtemp(join(tmpdir(), "muster-words-"));
  const files = [join(directory, "a.txt"), join(directory, "b.txt")];
  await writeFile(files[0]!, "to be, or not to be");
  await writeFile(files[1]!, "to do");
  try {
    const state = await wordCount.run({ parameters: { files } });
    expect(state.unwrap()).toEqual({ to: 3, be: 2, or: 1, not: 1, do: 1 });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("it is the example of the README, word for word", async () => {
  const [source, readme] = await Promise.all([
    readFile(new URL("./word-count.ts", import.meta.url), "utf8"),
    readFile(new URL("../../README.md", import.meta.url), "utf8"),
  ]);
  expect(readme).toContain(`\`\`\`ts\n// flows/word-count.ts\n${source}\`\`\``);
});
