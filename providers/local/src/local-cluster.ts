import { Cluster } from "@muster/core";
import { type LocalClusterOptions, resolveLocalOptions } from "./local-options.ts";
import { LocalProvider } from "./local-provider.ts";

/**
 * Workers as processes of this machine: by default one a core, with one task thread each. With `adapt` and no
 * maximum, as many as there are cores.
 */
export class LocalCluster extends Cluster {
  /** @throws InvalidOptionError */
  constructor(options: LocalClusterOptions = {}) {
    const resolved = resolveLocalOptions(options);
    const provider = new LocalProvider({ command: options.command, engine: options.engine });
    super({ ...resolved, sharesResources: true, provider });
  }
}
