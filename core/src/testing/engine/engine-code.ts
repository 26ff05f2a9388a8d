import { dirname, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../../code/bundle.ts";
import type { BundleUnit } from "../../contracts/code-unit.ts";

const HERE = fileURLToPath(import.meta.url);
let bundling: Promise<BundleUnit> | undefined;

/** The functions that the tests run, as workers get them: a bundle, made once. */
export function codeOfTasks(): Promise<BundleUnit> {
  const root = `${dirname(HERE)}/engine-tasks${extname(HERE)}`;
  bundling ??= bundle({ roots: [root], resolveFrom: dirname(HERE) });
  return bundling;
}
