import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MusterError } from "../base/errors.ts";

let found: string | undefined;

/**
 * The path of the worker: one bundled file that is both `muster worker` and the threads in it. A provider copies
 * it to where there is no Muster.
 */
export function workerFile(): string {
  found ??= findWorkerFile();
  return found;
}

function findWorkerFile(): string {
  const here = fileURLToPath(import.meta.url);
  // In the worker itself, this module is part of that file.
  if (here.endsWith("worker.cjs")) return here;
  for (let directory = dirname(here); directory !== dirname(directory); directory = dirname(directory)) {
    if (!existsSync(join(directory, "package.json"))) continue;
    const file = join(directory, "dist", "worker.cjs");
    if (existsSync(file)) return file;
    throw new MusterError("INTERNAL", `The worker's file ${file} is not there: run "npm run build".`);
  }
  throw new MusterError("INTERNAL", `No package was found above ${here}.`);
}
