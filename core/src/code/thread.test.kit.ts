/** A worker's thread as tests start it: loads a bundle, calls tasks of it, and posts what came of each. */
import { parentPort, workerData } from "node:worker_threads";
import { flow, task } from "./core.test.kit.ts";
import { provideModules } from "./injected.ts";
import { type BundleImport, importBundle } from "./loader.ts";
import type { Call, Outcome, ThreadData } from "./project.test.kit.ts";
import { findTask } from "./registry.ts";

const { path, calls, timeoutMs } = workerData as ThreadData;
provideModules(new Map([["@muster/core", { task, flow }]]));

const outcomes: Outcome[] = [];
try {
  const imported = await importBundle(path, { timeoutMs });
  for (const call of calls) outcomes.push(await outcome(imported, call));
} catch (thrown) {
  outcomes.push({ error: thrown as Error, stack: (thrown as Error).stack });
}
parentPort!.postMessage(outcomes);

async function outcome(imported: BundleImport, { name, site, args = [] }: Call): Promise<Outcome> {
  try {
    const definition = findTask(name, site, imported);
    return { value: await definition.fn(...(args as never[])), site: definition.site };
  } catch (thrown) {
    return { error: thrown as Error, stack: (thrown as Error).stack };
  }
}
