/** What the projects of tests import as `@muster/core`: the least that defines tasks and runs flows. */
import { callSite } from "./call-site.ts";
import { IMPORT_STOP } from "./injected.ts";
import { registerTask } from "./registry.ts";

export function task(name: string, fn: (...args: never[]) => unknown): typeof fn {
  registerTask({ name, fn, site: callSite(task), options: undefined });
  return fn;
}

/** A flow as a worker has it: running it ends the import. */
export function flow(_body: () => unknown): { run(): Promise<never> } {
  return {
    run() {
      (globalThis as { [IMPORT_STOP]?: () => void })[IMPORT_STOP]?.();
      return new Promise<never>(() => undefined);
    },
  };
}

/** Only the driver has it. */
export class Cluster {
  start(): string {
    return "started";
  }
}
