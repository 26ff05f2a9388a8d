import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The nearest directory above a file with a `package.json`, from which packages resolve; without one, the file's own. */
export function projectDirectory(file: string): string {
  const own = dirname(file);
  for (let directory = own; ; directory = dirname(directory)) {
    if (existsSync(join(directory, "package.json"))) return directory;
    if (directory === dirname(directory)) return own;
  }
}
