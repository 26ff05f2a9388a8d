import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { DockerConfig } from "./docker-config.ts";

/** What the `docker` command knows of somebody: a configuration, and programs that know logins. */
export class DockerHome implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "muster-docker-"));
  /** What finds both. */
  readonly env = {
    DOCKER_CONFIG: this.directory,
    PATH: [this.directory, dirname(process.execPath), process.env["PATH"]].join(delimiter),
  };

  /**
   * @param config a text is written as it is
   * @param helpers by name, each a piece of JavaScript
   */
  constructor(config: DockerConfig | string, helpers: Readonly<Record<string, string>> = {}) {
    const text = typeof config === "string" ? config : JSON.stringify(config);
    writeFileSync(join(this.directory, "config.json"), text);
    for (const [name, code] of Object.entries(helpers)) {
      const program = join(this.directory, `docker-credential-${name}`);
      writeFileSync(program, `#!/usr/bin/env node\n${code}`, { mode: 0o755 });
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true });
  }
}

export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
